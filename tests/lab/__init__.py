"""Tests against real hosts: the fleet of deploy/lab."""
