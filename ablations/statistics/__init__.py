"""Numbers of runs and what they can show: intervals, tests, power. Pure functions, no files."""
