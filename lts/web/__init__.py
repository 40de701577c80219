"""The way to services on the web: `service` asks and listens, `address` says where, `times` when."""
