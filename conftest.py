"""The fixtures and plugins of the suite; its options are an entry point (`plugins.options`)."""

pytest_plugins = [
    "labelgate.fixtures.settings",
    "labelgate.fixtures.dataset",
    "labelgate.fixtures.store",
    "labelgate.fixtures.decode_pass",
    "labelgate.fixtures.provenance",
    "labelgate.fixtures.measurements",
    "labelgate.fixtures.files",
    "labelgate.fixtures.exact_duplicates",
    "labelgate.expectations.limits",
    "labelgate.plugins.parametrize",
    "labelgate.plugins.progress",
    "labelgate.plugins.known_failures",
    "labelgate.plugins.verdicts",
    "labelgate.plugins.outcomes",
]
