"""Tests of disk.usage and disk.cleanup."""
