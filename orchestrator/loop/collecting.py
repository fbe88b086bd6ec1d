"""How often Python looks for cyclic garbage in a process that holds large campaigns.

Records of campaigns are frozen and make no cycles: reference counts free them. A full search walks over all of
them all the same, and holds up a turn for a quarter of a second at 10,000 hosts.
"""

from __future__ import annotations

import gc

#: allocations that outlive their release before the youngest are searched; and of these searches before the next
#: older generation is: a full one comes after ten million, instead of after 70,000
_THRESHOLDS = (5_000, 20, 100)


def collect_seldom() -> None:
    """Leave out of every later search what the process was started with, and search everything seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
