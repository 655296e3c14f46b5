"""The Models page: table of the family, and the card of each run."""
