"""What is published: the rules for changing it, and how it is read from JSON."""
