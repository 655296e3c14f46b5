"""The Batch page: hundreds of photos scored in the background, in a table to work in, reviewed and reported."""
