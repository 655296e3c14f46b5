"""Photos of a session: files and uploads, drawn leaves, and the images that pages show."""
