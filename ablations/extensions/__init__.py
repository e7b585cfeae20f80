"""Code of one's own: files that register steps, data sets and more, and which runs use them.

A file is executed once, from `--use FILE`, from `use:` in a study file, or as a package's entry
point in the group `ablations.extensions`. A run that uses something from it has the SHA-256 of its
content in its identity, and a copy of it in its folder.
"""
