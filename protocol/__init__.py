"""The wire protocol ``tilecast.v1``: bytes to messages and back. Pure: no clock, socket or file."""
