"""``python -m netopsy``."""

import sys

from netopsy.cli import main

if __name__ == "__main__":
    sys.exit(main())
