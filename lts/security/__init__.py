"""Keys and where they come from, and what is done with them: sealing, authenticating, signing, vaults."""
