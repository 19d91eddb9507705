"""Where a network's answers hold, and where they break."""
