"""How much is tolerated: limits, the suites built from them, and the judge."""
