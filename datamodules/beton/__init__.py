"""FFCV's file format with a manifest inside: reader, writer, check. No torch, no FFCV."""
