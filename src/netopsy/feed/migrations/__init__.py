"""Steps from one form of the feed's tables to the next, applied when a database is opened."""
