"""Users who log in at a provider of identities."""
