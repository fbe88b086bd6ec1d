"""Flower for deployments."""
