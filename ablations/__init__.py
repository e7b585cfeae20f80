"""The grid: studies from experiments.yaml, planned, trained one process a run, and compared.

Importing this package imports nothing heavy; `ablate --help` depends on it.
"""
