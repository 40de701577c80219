"""The stream: what happens, told to whoever subscribes; read `streams`, then `reader`, then `socket`."""
