"""Benchmarks of the project itself: loaders, training steps, the grid."""
