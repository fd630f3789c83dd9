-- The newest exchanges of each account, for its holder to look at; the exchange log is the whole record.
-- Times are milliseconds since the epoch.  family_id: the parent's id, or the account's own.
-- No number of the installation is in the key, so that nobody learns from it how busy others are.

create table activity (
    account_id bigint not null references accounts (id) on delete cascade,
    ended bigint not null,
    request text not null,
    family_id bigint not null,
    began bigint not null,
    token_id bigint not null,
    proxy text not null,
    client text not null,
    method text not null,
    host text not null,
    port bigint not null,
    exit text not null,
    status bigint not null,
    reason text not null,
    up bigint not null,
    down bigint not null,
    primary key (account_id, ended, request)
);
create index activity_by_family on activity (family_id, ended, request);
create index activity_by_end on activity (ended);

-- The sums of usage_hours by day (UTC): a year of a hundred sub-accounts is read in one answer.
create table usage_days (
    account_id bigint not null references accounts (id) on delete cascade,
    day bigint not null,
    token_id bigint not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    primary key (account_id, day, token_id)
);
insert into usage_days (account_id, day, token_id, up, down, exchanges)
select account_id, hour - hour % 86400, token_id, sum(up), sum(down), sum(exchanges)
from usage_hours group by 1, 2, 3;

-- With its sub-account goes what was done to it, and who tried its name.
create index bans_by_username on bans (username);
create index failures_by_username on failures (username);
