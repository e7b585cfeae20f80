"""What shells complete: the script that they source, and the verb that it asks."""
