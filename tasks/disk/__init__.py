"""Disk space on a Docker host: what uses it, and removing exactly what nobody uses."""
