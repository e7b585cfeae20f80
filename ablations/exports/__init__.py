"""Exported networks: one module a format, and `write` around them."""
