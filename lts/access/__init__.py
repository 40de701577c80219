"""Access as it is kept: users, sessions and API keys, for the AAA plugins that look after them."""
