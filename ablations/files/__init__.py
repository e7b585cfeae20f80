"""Files and text: what is ours, what is readable, what may be printed."""
