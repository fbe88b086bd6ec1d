"""What the orchestrator remembers: campaigns, attempts, events, epochs and leases, in SQL; the only truth."""
