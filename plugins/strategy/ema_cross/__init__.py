"""The built-in plugin strategy/ema_cross."""
