"""The process of a job that has little to import while it waits."""

import sys

from netopsy.web.runs import child

child.PRELOADED = ("netopsy.web.runs.carry_out",)

if __name__ == "__main__":
    sys.exit(child.main(*sys.argv[1:]))
