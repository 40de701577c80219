"""The built-in broker plugins."""
