"""The Guess first page: raters train on leaves of known severity."""
