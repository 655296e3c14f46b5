"""Cached calls of the library, one file a subject: the only folder that calls it."""
