"""Open the run's scorer over an engine, on this machine or on a Ray cluster."""
