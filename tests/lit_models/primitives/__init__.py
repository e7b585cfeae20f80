"""Tests of lit_models.primitives."""
