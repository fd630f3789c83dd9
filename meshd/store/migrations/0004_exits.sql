-- Exits that the operator drains, and those that rest after failures: what is here is for people to see, but the first.
-- Times are seconds since the epoch.  node: the process whose judgement it is.

create table drained_exits (
    name text primary key,
    at bigint not null,
    by text not null
);

create table exit_health (
    node text not null,
    exit text not null,
    until bigint not null,
    failures bigint not null,
    reason text not null,
    at bigint not null,
    primary key (node, exit)
);
create index exit_health_by_end on exit_health (until);
