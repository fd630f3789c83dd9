-- Who is signed in at the pages.  digest: SHA-256 of the cookie's secret; proof: SHA-256, in hex, of the password's hash
-- that the session began with; half: 1 while a code of the second factor is still to come, tries: how many were wrong.

create table sessions (
    id $IDENTITY,
    digest bytea not null unique,
    account_id bigint not null references accounts (id) on delete cascade,
    proof text not null,
    half smallint not null,
    tries smallint not null default 0,
    began_at bigint not null,
    seen_at bigint not null,
    until bigint not null,
    client text not null,
    agent text not null
);
create index sessions_by_account on sessions (account_id, seen_at);
create index sessions_by_end on sessions (until);

-- secret: base32, as an authenticator was given it; last_step: the newest step of thirty seconds whose code was taken.

create table second_factors (
    account_id bigint primary key references accounts (id) on delete cascade,
    secret text not null,
    last_step bigint not null,
    since bigint not null
);

-- digest: SHA-256 of a code that stands in for the authenticator once.

create table recovery_codes (
    account_id bigint not null references accounts (id) on delete cascade,
    digest bytea not null,
    primary key (account_id, digest)
);

create index accounts_by_email_of_any_case on accounts (lower(email)) where email <> '';
create index accounts_below on accounts (parent_id, username_key);
