"""The canvas itself: geometry, drawing, pyramid, PNG, subscriptions and the log."""
