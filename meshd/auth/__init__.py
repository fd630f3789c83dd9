"""Who is asking, and may this pass: shared by the proxy, the account API and the command line.

Of two clocks: `now` is seconds since the epoch, as everybody's calendar has it; `monotonic` is a reading of the one
that never steps, and means nothing elsewhere.
"""
