"""Steps from spec to spec, and trajectories of them (no torch)."""
