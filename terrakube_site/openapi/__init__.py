"""The description of the REST API by OpenAPI 3.1, and the page that shows it."""
