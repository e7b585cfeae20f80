"""Reading the `.beton` format of FFCV."""
