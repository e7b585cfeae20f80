"""Steps for any family that has the axis; where a family has not, they refuse with the reason."""
