"""Pages of the panel for connections, repositories and deliveries."""
