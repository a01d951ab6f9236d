"""go-tfe's own integration tests against a live site, as ``python -m tests.tfe.gotfe`` runs them."""
