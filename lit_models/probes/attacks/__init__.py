"""Images that are changed so that a network takes them for another class."""
