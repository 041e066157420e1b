"""What is localized: which maps belong together, what lies beside them, and reading all of it."""
