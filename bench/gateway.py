"""A gateway that knows one more procedure: the bench's read."""

from __future__ import annotations

import os
import sys

from bench.reading import NAME, Read
from tasks.catalog import load_all
from tasks.model import Transport
from workers.process import serve
from workers.settings import read_settings

if __name__ == "__main__":
    load_all()[NAME] = Read()
    sys.exit(serve(read_settings(Transport.SSH, "default", os.environ)))
