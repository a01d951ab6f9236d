"""Bitbucket Cloud and Bitbucket Data Center."""
