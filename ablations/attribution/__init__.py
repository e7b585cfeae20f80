"""What each step is worth over all legal orders: estimates from finished runs."""
