"""The Feature space page: colors of samples, selections, and panels."""
