"""What Prometheus gets: counts of all processes from the database, and how things stand at the moment."""
