"""The Data page: what a run learned from, and how far that can be trusted."""
