"""Azure DevOps, by OAuth, a personal token or a service principal."""
