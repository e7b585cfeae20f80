"""Figures of the analyses: lesion, kernel distances, variance of maps, receptive field."""
