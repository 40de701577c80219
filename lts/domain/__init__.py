"""The language of trading: one noun a file; values, messages and state machines."""
