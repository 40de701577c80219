"""Migrations: how the schema became what `actors.persistence.rows` says, one revision a noun."""
