"""The built-in plugin portfolio/fixed_quantity."""
