-- Requests that a client may send again without their being carried out again.  key: SHA-256 of the client's key and of
-- who sent it; request: SHA-256 of what was asked for; answer: encrypted under a key made from the client's.

create table repeats (
    key bytea primary key,
    request bytea not null,
    answer bytea not null,
    at bigint not null
);
create index repeats_by_time on repeats (at);
