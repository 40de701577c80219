"""The built-in pipeline plugins."""
