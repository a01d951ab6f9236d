"""Webhooks at the providers: which there must be, and making it so."""
