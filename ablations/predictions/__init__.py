"""What runs said of each test image, compared: seeds and images, classes, confusions."""
