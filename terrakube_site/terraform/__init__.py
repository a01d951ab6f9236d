"""What terraform and tofu read, as the site and the program in the pod both check it; standard library only."""
