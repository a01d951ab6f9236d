"""The life of a pull request here: what is known of it, its jobs, who allowed a fork, and its lock."""
