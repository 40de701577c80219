"""The built-in plugin broker/paper."""
