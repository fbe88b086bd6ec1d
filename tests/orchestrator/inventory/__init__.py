"""Tests of inventories and patterns."""
