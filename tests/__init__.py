"""Tests mirror the tree of the code."""
