"""The guests: one directory a plugin, by kind and name."""
