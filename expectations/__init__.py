"""How much is tolerated: limits, the suites built from them, and the judge."""

import os

# Great Expectations reads it when it is imported, which only modules of this room do.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
