"""Parts of images, and of their spectrum, that are taken away or covered with noise."""
