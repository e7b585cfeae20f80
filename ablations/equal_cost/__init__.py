"""Steps at equal cost: what each gains by itself, and what it had bought with cost."""
