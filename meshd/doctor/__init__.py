"""What is wrong with an installation, and how each of it is mended: for `meshd doctor`."""
