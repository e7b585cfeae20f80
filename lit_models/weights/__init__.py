"""Weights: published ones, checkpoints, and what their keys mean."""
