"""Tests of orchestrator.up."""
