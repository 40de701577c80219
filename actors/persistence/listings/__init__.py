"""Listings: what is stored, page by page, in sessions that can only read.

A page takes a fixed number of statements, and begins where an index leads: never an offset, never a count.
"""
