"""A canvas's log that several nodes write: what the shared stream holds decides, on every node."""
