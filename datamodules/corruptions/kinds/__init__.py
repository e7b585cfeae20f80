"""Every corruption, and the table that has them by name."""
