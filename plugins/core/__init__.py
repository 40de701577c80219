"""The built-in core plugins."""
