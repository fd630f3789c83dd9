"""HTTP with bounds and deadlines, below every dialect of the API."""
