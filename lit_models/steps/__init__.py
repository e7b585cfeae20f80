"""Steps from spec to spec, the language that writes them, and trajectories of them (no torch).

A step is one function under `factories.named`, with its text, what it changes and its source; a
module of them stands in `library.STEP_MODULES`. A trajectory's step is one or more of the texts.
"""
