"""The key `robustness` of a study."""
