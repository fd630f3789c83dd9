"""What every edge that passes HTTP messages on needs.

A client's connection, its bytes counted and its time bounded; one request to an origin and its response back; and
connections to origins that are kept.
"""
