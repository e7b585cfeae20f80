"""What a plan says beside its rows: what changed, what was drawn, what cannot learn."""
