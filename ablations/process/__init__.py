"""Processes: children that end with their parent, outputs that may go away."""
