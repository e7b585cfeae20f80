"""An attribution in tables, sentences, figures and plain data."""
