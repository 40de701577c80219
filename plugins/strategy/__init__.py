"""The built-in strategy plugins."""
