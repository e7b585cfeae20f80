"""What trained networks are worth on images that are not as those they were trained on."""
