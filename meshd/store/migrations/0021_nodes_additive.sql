-- The processes that work on the store, each by what it tells of itself every few seconds; one that ends well takes its row away.

create table nodes (
    name text primary key,
    version text not null,
    listeners text not null,
    started_at bigint not null,
    seen_at bigint not null
);
create index nodes_by_time on nodes (seen_at);
