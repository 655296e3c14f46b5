"""The Feature space page: how samples are colored, what is said of a selection, and the panels."""
