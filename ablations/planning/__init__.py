"""From a study to its rows: identity, cost, state."""
