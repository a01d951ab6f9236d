"""Moving from Atlantis: its ``atlantis.yaml`` becomes workspaces, templates and webhooks."""
