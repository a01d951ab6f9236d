// In place of unfold's: no page of ours uses it, and every page would load it.
