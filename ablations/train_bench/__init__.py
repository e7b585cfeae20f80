"""`ablate bench train`: the speed and memory of our networks beside timm's of the same names."""
