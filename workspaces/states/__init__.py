"""What a state says, for people: its resources and outputs, and how two states differ; pure."""
