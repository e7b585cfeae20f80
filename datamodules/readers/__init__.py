"""From indices to batches: in memory, by Pillow, or by FFCV."""
