"""Date formats, where a language allows several."""
