"""Figures of answers, and what they are drawn from."""
