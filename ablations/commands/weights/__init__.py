"""Verbs about trained networks: a file of one, one from a file, its scores measured again."""
