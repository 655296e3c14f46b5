"""What the Diagnose page shows, beyond what all pages share."""
