"""The built-in plugin broker/oanda."""
