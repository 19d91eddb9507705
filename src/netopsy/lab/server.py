"""Imported first, and only, by the process that workers are forked from: Ctrl-C ends it at once and without a word.

Python would tell of the interrupt with a traceback out of whatever the process is importing just then.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)
