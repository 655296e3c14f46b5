"""Parts of `training.check_device`."""
