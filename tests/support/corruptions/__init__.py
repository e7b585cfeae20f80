"""References that corruptions are compared with: slow, and by other code."""
