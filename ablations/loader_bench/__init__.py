"""`ablate bench loader`: every way to load images that a user could pick, measured side by side.

Each contestant runs in a process of its own and is asked for one epoch after another, in turns with
the others, so that whatever else the machine does meets all of them. The measure is CPU time, which
a busy machine changes little.
"""
