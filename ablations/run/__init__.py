"""One run inside its process: training, recording, resuming."""
