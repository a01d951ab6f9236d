"""Start jobs for events of repositories, each once."""
