-- What an account had, or would have, and does not get by itself: the operator took it, or a smaller plan did.
-- kind: proxy, ip or hostname; cause: operator or plan.  The account is the parent: it holds for the whole family.

create table withheld (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    kind text not null,
    name text not null,
    cause text not null,
    at bigint not null,
    by text not null,
    unique (account_id, kind, name)
);

-- Who put an inactive token out of use: operator, plan, or '' for its holder, who may use it again.
alter table tokens add column ended_by text not null default '';

-- suspended: a sub-account that the operator deactivated.  Ceilings: limits that the operator set to a sub-account, 0 for
-- none.  made_by, password_by: the token that made it, that set its password; 0 for none.
alter table accounts add column suspended smallint not null default 0;
alter table accounts add column monthly_ceiling bigint not null default 0;
alter table accounts add column total_ceiling bigint not null default 0;
alter table accounts add column made_by bigint not null default 0;
alter table accounts add column password_by bigint not null default 0;
create index accounts_by_maker on accounts (made_by) where made_by <> 0;
create index accounts_by_password on accounts (password_by) where password_by <> 0;

alter table proxy_authorizations add column token_id bigint not null default 0;
create index proxy_authorizations_by_token on proxy_authorizations (token_id) where token_id <> 0;
