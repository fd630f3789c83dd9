"""HTTP/2 (RFC 9113) without a socket: requests and answers, each as HTTP/1.1 says the same."""
