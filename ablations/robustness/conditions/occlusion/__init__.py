"""Images of which patches are dropped, at random or by their saliency."""
