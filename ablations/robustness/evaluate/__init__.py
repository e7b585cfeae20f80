"""From a study or a checkpoint to answers: which conditions, which networks, what is missing."""
