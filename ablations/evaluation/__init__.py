"""A trained network measured again."""
