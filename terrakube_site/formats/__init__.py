"""How dates are written where a language leaves it open."""
