"""What would meet a workspace here, found without terraform: its source, variables, templates, providers and pod."""
