"""Studies of this room: one file a paper."""
