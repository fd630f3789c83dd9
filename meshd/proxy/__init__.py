"""The path of an exchange: a client's connection, its request, the answers, and the bounds on both."""
