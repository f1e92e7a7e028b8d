"""What is true of a good dataset: one module a notion, one test a property."""
