"""English formats without regional differences."""
