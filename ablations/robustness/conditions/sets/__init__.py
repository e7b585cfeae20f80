"""Public sets of images, and images of no class that a network knows."""
