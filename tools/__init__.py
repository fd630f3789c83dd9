"""What is run by hand, or by a test, to find out how meshd and other makers' programs get along."""
