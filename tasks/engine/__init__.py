"""Procedures about the engine itself: what runs, which packages, restart, upgrade, rollback, hold."""
