"""Names of the regions of a training step in torch's profiler; without one, a region costs a microsecond."""

PHOTOS = "photos"  # out of the cache, to the device
AUGMENTATION = "augmentation"  # encloses the photos
BACKWARD = "backward"
UPDATE = "optimizer and average"
