"""Named things that may come from outside: one registry type, one way to look up a nearest name."""
