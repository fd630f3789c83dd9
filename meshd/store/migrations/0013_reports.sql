-- What operators and holders of accounts look at; no bill and no limit rests on anything here.
-- Times are seconds since the epoch.  node: one process, as in exit_health.

-- What each process has open, as the process last told: how many exchanges in all, and some of them as JSON.
create table open_exchanges (
    node text primary key,
    at bigint not null,
    total bigint not null,
    content text not null
);

-- Exchanges that somebody wants to end.  reason: as the client and the exchange log are told.
create table endings (
    account_id bigint not null references accounts (id) on delete cascade,
    exchange text not null,
    reason text not null,
    at bigint not null,
    primary key (account_id, exchange)
);
create index endings_by_time on endings (at);

-- What exchanges that have ended moved, by the host that was asked for: of each account and day (UTC) the hosts with most
-- bytes, and all others together as '(other)'.
create table usage_domains (
    account_id bigint not null references accounts (id) on delete cascade,
    day bigint not null,
    name text not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    failures bigint not null,
    primary key (account_id, day, name)
);
create index usage_domains_by_day on usage_domains (day);

-- The same of the whole installation.  kind: 'exit', by the exit's name, or 'outcome', by how exchanges ended.
create table traffic_hours (
    kind text not null,
    hour bigint not null,
    name text not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    failures bigint not null,
    primary key (kind, hour, name)
);
create table traffic_days (
    kind text not null,
    day bigint not null,
    name text not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    failures bigint not null,
    primary key (kind, day, name)
);

-- Who used an exit at a time: of exchanges that lasted up to an hour those that ended soon after, and the few longer ones.
-- way: the exit's name, where `exit` is what the client was told, such as one of the addresses of a prefix.
alter table activity add column way text not null default '';
update activity set way = exit;
create index activity_by_way on activity (way, ended);
create index activity_long on activity (way, ended) where ended - began > 3600000;

create index accounts_without_parent on accounts (id) where parent_id is null;
create index accounts_by_creation on accounts (created_at, parent_id);
