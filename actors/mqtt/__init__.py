"""The MQTT bridge: what happens, told to a broker; read `actor`, then `bridge`, then `journal`."""
