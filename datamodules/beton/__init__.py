"""FFCV's file format with a manifest inside: reader, writer, check. None of it needs FFCV."""
