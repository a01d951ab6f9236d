"""Commands in the comments of pull requests: what they say, who may give them, and what comes of them."""
