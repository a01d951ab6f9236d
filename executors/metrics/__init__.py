"""Metrics for Prometheus: counters of all processes from the database, and gauges of the moment."""
