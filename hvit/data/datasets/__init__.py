"""Data sets as files: reading folders and CSV manifests into samples, splitting, downloading, rendering, packing."""
