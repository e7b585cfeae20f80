"""`ablate bench train`: our networks beside timm's, measured side by side."""
