"""Panels of the Batch page: hundreds of photos scored in the background, tables, reviews, reports, trials."""
