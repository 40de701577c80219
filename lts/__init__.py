"""LTS: a multi-user, multi-portfolio live trading system of asynchronous actors."""
