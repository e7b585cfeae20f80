"""Attacks as conditions."""
