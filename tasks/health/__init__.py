"""Whether a Docker host is well, with the runbook's thresholds."""
