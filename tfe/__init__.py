"""Terraform's cloud protocol (the TFE API v2), which terraform, tofu and go-tfe speak.

An adapter: it translates between the protocol's documents and the services that REST and panel use, and has no rules of
its own. It is served under two paths, since the command line follows discovery to ``/remote/tfe/v2/`` while go-tfe and
the tfe provider always call ``/api/v2/``.
"""
