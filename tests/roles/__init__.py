"""Role by action by door: one declared table, walked over the API and the panel."""
