"""``terraform login`` and ``tofu login``: the site as the authorization server of a program on the user's computer."""
