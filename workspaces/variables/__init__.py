"""Which value of a variable is in force, for one workspace and for many."""
