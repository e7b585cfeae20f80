"""What was answered, as files in the folders of runs."""
