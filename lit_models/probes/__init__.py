"""Questions to a trained network: what it says of pixels, and why."""
