"""What the Ablations page shows, beyond what all pages share."""
