"""Photos of a session: files and uploads, rendered leaves, and images for pages."""
