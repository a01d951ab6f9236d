"""Bundles of incidents as real clusters showed them, each replayed by a test; ``manage.py incident`` makes one."""
