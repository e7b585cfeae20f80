"""Which images come when: random streams, samplers, batches."""
