"""The JSON Schema of a study file, from the config classes and the comments beside their fields."""
