"""What Alembic runs: the revisions on the way, on the connection and in the transaction of `schema.py`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
