"""Tests of orchestrator.api."""
