"""English, as it is written in all countries alike."""
