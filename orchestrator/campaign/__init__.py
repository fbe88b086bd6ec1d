"""The pure core: what a campaign is, and what should happen next; no clock, no store, no network."""
