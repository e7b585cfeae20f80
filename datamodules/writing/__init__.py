"""Writing and checking `.beton` files."""
