"""Sign-in to the panel through the installation's OpenID Connect issuer, besides passwords."""
