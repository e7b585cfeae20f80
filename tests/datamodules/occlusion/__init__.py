"""Images of which something is taken away."""
