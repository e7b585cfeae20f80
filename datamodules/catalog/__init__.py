"""Which data there are, of which size, and which file they are read from (no torch)."""
