"""The HTTP server of the API, with bounds and deadlines, below every dialect."""
