"""Parts of images that are dropped, and noise of one frequency: pixels to pixels."""
