-- Orders of certificates that were begun within a day, one row for each name: how often an authority is asked for one is bounded.

create table acme_attempts (
    name text not null,
    at bigint not null
);
create index acme_attempts_of on acme_attempts (name, at);
create index acme_attempts_by_time on acme_attempts (at);

-- wanted: 1 where somebody wants a certificate obtained, although the one that is there may do for a while.

alter table acme_orders add column wanted smallint not null default 0;
