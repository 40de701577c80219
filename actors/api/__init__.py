"""The HTTP API: who calls, what they may, and nothing of trading; read `app`, then `guard`, then a noun of `routes`."""
