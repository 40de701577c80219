"""Persistence: the database, its audit and its backups, behind one actor. Nobody else sees a session."""
