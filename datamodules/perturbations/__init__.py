"""Perturbation sequences in memory (arXiv 1903.12261): pixels to frames."""
