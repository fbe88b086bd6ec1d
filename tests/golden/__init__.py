"""Recorded campaigns: what was logged once must be decided again, until somebody changes a decision on purpose."""
