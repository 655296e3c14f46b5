"""Names of the parts of a training step in torch's profiler; where none runs, a mark costs a microsecond."""

PHOTOS = "photos"  # out of the cache, to the device
AUGMENTATION = "augmentation"  # encloses the photos
BACKWARD = "backward"
UPDATE = "optimizer and average"
