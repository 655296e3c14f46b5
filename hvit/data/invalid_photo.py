"""Exceptions of photo decoding."""


class InvalidPhotoError(ValueError):
    """A file is no readable photo; the message is a sentence for users, without the file name."""


class LostPhotoError(InvalidPhotoError):
    """A file cannot be opened, possibly only for a moment."""
