"""Crop boxes, and everything that happens to a batch after them."""
