"""Who is asking, and may this pass: shared by the proxy, the account API and the command line."""
