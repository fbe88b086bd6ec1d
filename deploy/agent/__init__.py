"""Puts an agent on a host: a wheelhouse made here, a virtual environment and a systemd unit there."""
