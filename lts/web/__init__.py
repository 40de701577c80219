"""The way to services on the web: `service` asks and listens, `address` says where, `times` when.

`meanings` says what the fields of an answer or a message mean, for the descriptions of our own.
"""
