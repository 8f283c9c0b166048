"""The server: HTTP, WebSocket sessions, fan-out, limits, supervision and the command line."""
