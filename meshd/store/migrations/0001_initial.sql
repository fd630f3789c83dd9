-- Times are whole seconds since the epoch (UTC), bytes are integers, flags are 0 or 1, an absent text is ''.
-- Ids are never given twice: a journal may bill an account after its deletion.

create table accounts (
    id $IDENTITY,
    username text not null,
    username_key text not null unique,
    parent_id bigint references accounts (id) on delete cascade,
    role text not null check (role in ('root', 'admin', 'viewer', 'customer')),
    plan text not null,
    active smallint not null default 1,
    first_name text not null default '',
    last_name text not null default '',
    email text not null default '',
    monthly_limit bigint not null default 0 check (monthly_limit >= 0),
    total_limit bigint not null default 0 check (total_limit >= 0),
    billing_day smallint not null check (billing_day between 1 and 31),
    created_at bigint not null,
    password_hash text not null default '',
    check (parent_id <> id)
);
create index accounts_by_parent on accounts (parent_id);
create unique index accounts_one_root on accounts (role) where role = 'root';

create table tokens (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    digest bytea not null unique,
    label text not null default '',
    active smallint not null default 1,
    expires_on text not null default '',
    created_at bigint not null
);
create index tokens_by_account on tokens (account_id);

create table authorized_ips (
    address text primary key,
    account_id bigint not null references accounts (id) on delete cascade,
    label text not null default '',
    created_at bigint not null
);
create index authorized_ips_by_account on authorized_ips (account_id);

create table authorized_hostnames (
    hostname text primary key,
    account_id bigint not null references accounts (id) on delete cascade,
    created_at bigint not null
);
create index authorized_hostnames_by_account on authorized_hostnames (account_id);

create table proxy_authorizations (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    proxy text not null,
    created_at bigint not null,
    unique (account_id, proxy)
);

-- Running totals: an account's own bytes and its sub-accounts'.
create table usage (
    account_id bigint primary key references accounts (id) on delete cascade,
    total_bytes bigint not null,
    period_bytes bigint not null,
    period_start bigint not null
);

-- An account's own bytes alone.  token_id 0: no token was used.
create table usage_hours (
    account_id bigint not null references accounts (id) on delete cascade,
    hour bigint not null,
    token_id bigint not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    primary key (account_id, hour, token_id)
);

-- The last batch of each process's journal that was added to usage.
create table journals (
    id text primary key,
    last_batch bigint not null,
    applied_at bigint not null
);

-- Wrong credentials.  spent: a ban has been made of it already.
create table failures (
    id $IDENTITY,
    address text not null,
    username text not null,
    at bigint not null,
    spent smallint not null default 0
);
create index failures_by_address on failures (address, at);
create index failures_by_time on failures (at);

-- Failures of one address are counted one after the other, by the lock of its slot's row.
create table failure_locks (slot smallint primary key);
insert into failure_locks (slot) values
    (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);

create table bans (
    address text not null,
    username text not null,
    until bigint not null,
    primary key (address, username)
);
create index bans_by_end on bans (until);

-- Outlives the accounts that it speaks of.
create table audit (
    id $IDENTITY,
    at bigint not null,
    actor text not null,
    action text not null,
    account_id bigint not null,
    detail text not null default ''
);
create index audit_by_account on audit (account_id, id);

-- The one row is locked from the taking of a number until the commit, so numbers appear in their order.
create table change_counter (
    id smallint primary key check (id = 1),
    seq bigint not null
);
insert into change_counter (id, seq) values (1, 0);

create table changes (
    seq bigint primary key,
    account_id bigint not null
);
