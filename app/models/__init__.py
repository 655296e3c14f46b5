"""The Models page: the family in numbers, and the card of each run."""
