"""Steps that run terraform or tofu."""
