"""What holds a campaign back or stops it: people, budgets, clocks, windows, stop rules."""
