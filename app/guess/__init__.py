"""The Guess first page: training of raters on leaves of known severity."""
