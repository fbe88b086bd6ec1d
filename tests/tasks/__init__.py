"""Tests of what can be done on a host."""
