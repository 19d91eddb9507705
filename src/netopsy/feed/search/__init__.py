"""Search by words and by meaning over all papers of the feed, from an index that can be made anew at any time."""
