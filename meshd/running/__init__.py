"""How work runs over time: again and again, beyond its caller, once for many."""
