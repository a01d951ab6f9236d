"""One module a channel: what a destination is sent. Pure but for e-mail, which sends."""
