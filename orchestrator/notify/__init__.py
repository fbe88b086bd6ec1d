"""Tells people over channels: one file per kind, and the notifier that keeps at it until a message is through."""
