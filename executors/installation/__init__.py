"""The settings of this installation: read, check, document."""
