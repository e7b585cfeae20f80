"""Modules: from a spec to a torch network."""
