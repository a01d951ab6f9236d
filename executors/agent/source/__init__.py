"""The step's source: a clone or an uploaded archive."""
