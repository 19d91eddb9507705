"""Letters: what is to go out, how it is written, and how it is sent."""
