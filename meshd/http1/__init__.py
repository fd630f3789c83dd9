"""HTTP/1.1 messages as bytes in and values out (RFC 9112), with no socket in it.

Strategy: refuse what two readers could read differently, and never hand on a byte that was not understood.  The common
good head is read by two regular expressions; only a bad, oversized or unfinished one is walked line by line, to say
which rule it breaks.
"""
