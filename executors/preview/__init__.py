"""Preview of the Kubernetes Job that a step would get."""
