"""The built-in plugin core/default."""
