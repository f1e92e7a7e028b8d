"""How the suite is run and told: pytest plugins, the report and the `labelgate` program."""
