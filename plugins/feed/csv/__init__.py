"""Bars from a CSV file, replayed as a feed."""
