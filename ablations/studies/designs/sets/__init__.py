"""Designs whose points are sets of a trajectory's steps, found from all legal ones."""
