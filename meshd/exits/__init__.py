"""The ways out: pools of exits, which one a request leaves by, and how it is dialled."""
