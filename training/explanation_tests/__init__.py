"""Parts of `training.explain`: faithfulness, localization and randomization tests of attribution methods."""
