"""Many runs: where they are trained, one process each."""
