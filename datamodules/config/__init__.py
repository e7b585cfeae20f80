"""What a data set and its augmentation are asked to be."""
