"""The very engine on a virtual clock: scripted hosts and a transport that fails on purpose, the same for a seed."""
