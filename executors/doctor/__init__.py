"""The doctor: looks at all that an installation needs to run steps, and says what to do about what is missing."""
