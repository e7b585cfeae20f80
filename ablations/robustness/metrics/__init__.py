"""What answers are worth: pure functions of arrays."""
