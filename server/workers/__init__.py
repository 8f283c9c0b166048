"""Several processes behind one port (``tilecast serve --workers N``)."""
