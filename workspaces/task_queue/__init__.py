"""The client of the task queue: hands tasks over with a short timeout."""
