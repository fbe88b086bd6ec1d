"""Brings a bare machine to the point where the demo and the tests can run."""
