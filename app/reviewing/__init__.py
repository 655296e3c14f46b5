"""Review of photos by people, shared by batches and galleries: decisions, labels, and training on them."""
