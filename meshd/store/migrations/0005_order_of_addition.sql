-- The order in which an account's addresses and hostnames were added, also within one second and over a clock that was set
-- back.  Those that are there already stand at 0, and are ordered by their time as before.

alter table authorized_ips add column ordinal bigint not null default 0;
alter table authorized_hostnames add column ordinal bigint not null default 0;
