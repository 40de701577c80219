"""The desk: owns each order's life, from the approved intent to its end."""

from actors.desk.actor import Desk

__all__ = ["Desk"]
