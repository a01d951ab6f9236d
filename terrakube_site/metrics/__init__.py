"""The site's own metrics: their list, and this process's counts until they are stored."""
