"""The design space: specs and what is legal (no torch)."""
