"""The decisions about a request told one by one, for `meshd explain`."""
