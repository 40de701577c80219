"""The built-in plugin pipeline/default."""
