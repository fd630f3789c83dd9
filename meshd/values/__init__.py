"""Small values that everybody has the same words for, and how they are written and read.  Pure."""
