"""Why a file gives no photo."""


class InvalidPhotoError(ValueError):
    """A file that is not a readable photo; the message is for people and does not hold the file's name."""


class LostPhotoError(InvalidPhotoError):
    """A file that cannot be opened: it may be there again in a moment."""
