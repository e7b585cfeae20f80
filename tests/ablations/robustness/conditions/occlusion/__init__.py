"""Dropped patches as conditions."""
