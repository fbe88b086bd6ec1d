"""The loop over all campaigns: what came in is observed, what follows is decided, committed, and then sent."""
