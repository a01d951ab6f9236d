"""Tokens of connections: minted, refreshed, tried; the callback of OAuth."""
