"""The built-in plugin feed/oanda."""
