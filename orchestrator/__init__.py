"""Decides which hosts move next, and remembers why: inventory, plans, campaigns, store, API and command line."""
