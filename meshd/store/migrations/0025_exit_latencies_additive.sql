-- How long a probe takes through an exit, as each process has measured it.  node: the process.  at: seconds since the epoch.

create table exit_latencies (
    node text not null,
    exit text not null,
    milliseconds bigint not null,
    at bigint not null,
    primary key (node, exit)
);
create index exit_latencies_by_exit on exit_latencies (exit);
create index exit_latencies_by_time on exit_latencies (at);
