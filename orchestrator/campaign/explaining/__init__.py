"""What people are told of a campaign: why, how far, how long, what changed."""
