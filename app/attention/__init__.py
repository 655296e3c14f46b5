"""What the Attention page shows, beyond what all pages share."""
