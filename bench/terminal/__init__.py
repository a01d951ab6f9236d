"""What a terminal waits for: terraform with the cloud block, against the same site over https."""
