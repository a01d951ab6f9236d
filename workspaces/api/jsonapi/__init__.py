"""JSON:API as Terrakube's clients use it."""
