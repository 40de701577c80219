"""The built-in portfolio plugins."""
