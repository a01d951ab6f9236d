"""Commands in comments of pull requests, and who may give them."""
