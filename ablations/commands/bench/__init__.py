"""The verbs of `ablate bench`, a module each."""
