"""`ablate bench loader`: every way to load images, measured side by side."""
