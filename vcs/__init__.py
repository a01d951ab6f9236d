"""Version control systems: connections, webhooks, and what pull requests are told; one package a provider."""
