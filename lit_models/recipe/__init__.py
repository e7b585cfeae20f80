"""What a training recipe says (no torch)."""
