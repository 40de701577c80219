"""The HTTP API: read `app`, then `guard`, then a noun of `routes`."""
