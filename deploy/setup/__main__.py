"""The installer's command line: ``python3 -m deploy.setup``."""

import sys

from deploy.setup.install_missing import main

if __name__ == "__main__":
    sys.exit(main())
