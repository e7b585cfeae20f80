"""Helpers for the tests of robustness evaluations."""
