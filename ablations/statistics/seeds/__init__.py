"""How many seeds a study needs: a rule, and what a number of them can show."""
