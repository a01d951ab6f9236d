"""What commits and pull requests are told of jobs: statuses and comments."""
