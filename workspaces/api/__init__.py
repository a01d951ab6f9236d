"""Terrakube's REST API: JSON:API resources below /api/v1, and the tokens that open them."""
