"""Studies of this room: one file or one folder a paper."""
