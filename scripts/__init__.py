"""Set-up and upkeep: what `make` calls, and what prepares the pictures of the home page."""
