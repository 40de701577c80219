"""The residents: one actor for each thing that the whole system shares. They never import each other."""
