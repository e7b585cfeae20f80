"""A little of every suite that needs nothing: minutes instead of hours."""
