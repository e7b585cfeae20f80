"""A trained network as one file of another format."""
