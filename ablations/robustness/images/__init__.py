"""Images that networks are asked about, before they are normalised."""
