"""Facts, as they are read off the machine; what they mean is judged elsewhere."""
