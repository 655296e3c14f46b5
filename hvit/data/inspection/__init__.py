"""Quality checks of a data set: duplicates, leaks, class balance, and a contact sheet."""
