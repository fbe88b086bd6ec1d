"""What a seed stands for: hosts, campaigns, people and mishaps, played to the end with a judge looking on."""
