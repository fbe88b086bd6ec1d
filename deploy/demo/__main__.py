"""`python -m deploy.demo up|down`."""

from __future__ import annotations

import argparse
import sys

from deploy.demo import places


def main() -> int:
    """Run the demo, or remove every trace of it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("verb", choices=("up", "down"))
    verb = parser.parse_args().verb
    if verb == "down":
        from deploy.demo.remove import remove

        return remove()
    if places.is_root_on_debian():
        from deploy.demo.fleet import run

        return run()
    from deploy.demo.one_engine import run_here

    return run_here()


if __name__ == "__main__":
    sys.exit(main())
