"""What a daemon tells of itself in numbers, in the words of Prometheus."""
