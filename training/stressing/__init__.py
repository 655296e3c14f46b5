"""Parts of the measurement of robustness, `training.stress`."""
