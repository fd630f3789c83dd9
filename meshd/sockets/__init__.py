"""The data plane's machinery: events, tasks, wires, pipes and tunnels on bare sockets."""
