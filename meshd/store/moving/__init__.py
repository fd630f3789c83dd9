"""Moving all that is in a store to another one, of either kind."""
