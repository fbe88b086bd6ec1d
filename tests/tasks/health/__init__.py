"""Tests of health.check."""
