"""The built-in plugin strategy/sma_cross."""
