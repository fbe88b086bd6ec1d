"""The lab's command line: ``python3 -m deploy.lab``."""

import sys

from deploy.lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
