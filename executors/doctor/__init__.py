"""The doctor: check everything that an installation needs to run steps, and advise on what is missing."""
