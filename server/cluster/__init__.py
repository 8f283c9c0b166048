"""A node among others: the link to NATS, and what goes over it."""
