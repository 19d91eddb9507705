"""Ground floor: what every method stands on. Imports nothing else of netopsy."""
