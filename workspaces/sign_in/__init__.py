"""Sign-in to the panel by the installation's OpenID Connect issuer, beside passwords."""
