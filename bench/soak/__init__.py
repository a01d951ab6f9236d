"""A soak: many jobs on a site whose processes, executors and pods are killed at random; in the end all must hold."""
