"""Letters to account holders: written, queued, and sent through the operator's server or put into a folder."""
