"""How the points of a study are chosen: a design is a class in a file of its own.

A new one is a file beside the others and its name in the list below; those that look at all legal
sets of a trajectory's steps have a folder of their own, `sets`.
"""

from ablations.studies.designs import (
    add_one_in,
    cumulative,
    explicit,
    factorial,
    grid,
    leave_one_out,
    networks,
)
from ablations.studies.designs.design import (
    DESIGNS,
    Design,
    Points,
    StepOrder,
    option_names,
    read_design,
)
from ablations.studies.designs.point import Named, Point, made_of

__all__ = [
    "DESIGNS",
    "Design",
    "Named",
    "Point",
    "Points",
    "StepOrder",
    "add_one_in",
    "cumulative",
    "explicit",
    "factorial",
    "grid",
    "leave_one_out",
    "made_of",
    "networks",
    "option_names",
    "read_design",
]
