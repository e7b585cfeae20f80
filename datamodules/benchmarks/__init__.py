"""Public sets of images that test robustness, as folders and files on disk."""
