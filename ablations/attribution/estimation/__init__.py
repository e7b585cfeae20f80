"""Estimators of what players of a game are worth: of numbers, and of no study."""
