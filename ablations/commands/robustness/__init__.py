"""`ablate robustness`: from what was typed to answers, with progress."""
