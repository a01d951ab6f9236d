"""Transfer of the state between terraform and the site."""
