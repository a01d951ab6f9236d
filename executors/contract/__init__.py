"""The contract between the site and the executor program; standard library only."""
