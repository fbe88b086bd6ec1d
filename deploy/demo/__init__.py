"""The demo: a real fleet on this machine, a clean-up campaign and a staged engine upgrade on it."""
