"""``python -m netopsy``, and the command ``netopsy``: Ctrl-C ends it with a word, also in its first moments."""

import signal
import sys


def main() -> int:
    """Run the command; returns the exit code."""
    try:
        from netopsy.cli import main as command

        code = command()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: what is left takes a moment
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("netopsy: interrupted\n")
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
