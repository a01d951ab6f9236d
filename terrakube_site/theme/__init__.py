"""The panel's theme: how fields are written, and texts that it does not translate."""
