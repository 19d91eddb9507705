"""What a network's layers represent."""
