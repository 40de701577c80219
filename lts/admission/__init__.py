"""How a guest gets in: `catalogue` knows where plugins lie, and `loader.admit` is the only door."""
