"""The measures: a site of its own on a real cluster, and how fast and how large it is."""
