"""Attacks on networks."""
