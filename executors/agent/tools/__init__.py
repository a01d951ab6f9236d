"""Select terraform or tofu, and install it if needed."""
