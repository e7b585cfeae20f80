"""Designs whose points are sets of a trajectory's steps, chosen from all legal ones.

A new one is a file beside the others and its name in the list below.
"""

from ablations.studies.designs.sets import interactions, random_sets, shapley

__all__ = ["interactions", "random_sets", "shapley"]
