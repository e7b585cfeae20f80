"""Modules that may stand in a block's row of layers, one file a primitive (no torch until made)."""
