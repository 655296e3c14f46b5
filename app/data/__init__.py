"""The Data page: training data of a run, and checks of it."""
