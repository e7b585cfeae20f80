"""The networks of the papers as constants of the design space, one module a family."""
