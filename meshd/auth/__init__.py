"""Who is asking, and may this pass: shared by the proxy, the account API and the command line.

Two clocks are read: `now` is seconds since the epoch, as everybody's calendar has it; `monotonic` is seconds of a clock
that never steps, and means nothing outside this process.
"""
