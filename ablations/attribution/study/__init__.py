"""From the finished runs of studies to what each step is worth."""
