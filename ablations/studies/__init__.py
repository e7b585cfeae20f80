"""From YAML to typed studies and the points of their designs."""
