"""Load generators: processes of their own that speak WebSocket and HTTP to a server under test."""
