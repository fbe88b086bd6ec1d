"""Why a message did not get through, in words that hold nothing secret."""

from __future__ import annotations


class NotTold(Exception):
    """The channel did not take the message."""
