"""Users, sessions and API keys that this node keeps itself."""
