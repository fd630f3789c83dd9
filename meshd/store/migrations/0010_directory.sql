-- Names are sought by their beginnings, in the order of their bytes, whatever the database's own order of letters is.

$POSTGRES alter table accounts alter column username_key type text collate "C";

-- Each list of accounts has an index in its order, since there may be a million accounts.
create index accounts_by_email on accounts (email) where email <> '';
create index accounts_by_plan_and_name on accounts (plan, username_key);
create index accounts_by_plan on accounts (plan, id);
create index accounts_inactive_by_name on accounts (username_key) where active = 0;
create index accounts_inactive on accounts (id) where active = 0;
create index accounts_that_expire_by_name on accounts (username_key) where expires_on <> '';
create index accounts_that_expire on accounts (id) where expires_on <> '';
create index accounts_by_role on accounts (role, id) where role <> 'customer';
create index usage_by_seen on usage (seen_at, account_id);

-- fullness: how many percent of its nearest limit the account had used when it was last billed, at most 100.
alter table usage add column fullness smallint not null default 0;
update usage set fullness = coalesce((
    select case when a.monthly_limit > 0 and usage.period_bytes >= a.monthly_limit then 100
        when a.total_limit > 0 and usage.total_bytes >= a.total_limit then 100
        when a.monthly_limit > 0 and (a.total_limit = 0 or usage.period_bytes / ((a.monthly_limit + 99) / 100)
            >= usage.total_bytes / ((a.total_limit + 99) / 100))
            then usage.period_bytes / ((a.monthly_limit + 99) / 100)
        when a.total_limit > 0 then usage.total_bytes / ((a.total_limit + 99) / 100)
        else 0 end
    from accounts as a where a.id = usage.account_id
), 0);
create index usage_by_fullness on usage (fullness, account_id);

-- username: of the account, in lower case, which may be gone; changed: what was and what is, as JSON; '' for nothing.
alter table audit add column username text not null default '';
alter table audit add column changed text not null default '';
update audit set username = coalesce((select a.username_key from accounts as a where a.id = audit.account_id), '');
create index audit_by_time on audit (at, id);
create index audit_by_username on audit (username, at, id) where username <> '';
create index audit_by_actor on audit (actor, at, id);
create index audit_by_account_and_time on audit (account_id, at, id);

-- Bytes that were added to an account.  reference: what a payment is called, so that it counts once however often told.
create table topups (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    reference text not null,
    bytes bigint not null check (bytes > 0),
    note text not null default '',
    at bigint not null,
    by text not null,
    unique (account_id, reference)
);
create index topups_by_account on topups (account_id, id);

-- Tokens that end within a day, not with one: those few are looked for every few seconds.
create index tokens_by_minute on tokens (expires_on) where length(expires_on) > 10;
