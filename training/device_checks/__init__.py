"""What `training.check_device` tries on a machine, each part by itself."""
