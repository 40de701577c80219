"""Market data that comes over MQTT."""
