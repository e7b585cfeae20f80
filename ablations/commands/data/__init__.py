"""The verbs of `ablate data`, a module each."""
