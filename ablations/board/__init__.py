"""TensorBoard: the event files of a study and the server."""
