"""The revisions, each with its way up and down; what they say never changes once it is released."""
