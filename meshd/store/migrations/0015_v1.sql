-- What each kind of token is for: '' the proxies and the APIs of meshd's own, 'key' and 'access' the API below /v1 alone,
-- the former until somebody deletes it, the latter for those who have signed in.

alter table tokens add column kind text not null default '';
create index tokens_of_kind on tokens (account_id, kind, id) where kind <> '';

-- uuid: 32 hexadecimal digits by which programs know an account, whatever its name.

alter table accounts add column uuid text not null default '';
update accounts set uuid = $RANDOM_HEX;
update accounts set uuid = substr(uuid, 1, 12) || '4' || substr(uuid, 14, 3) || '8' || substr(uuid, 18);
create unique index accounts_by_uuid on accounts (uuid) where uuid <> '';

create table sub_user_groups (
    uuid text primary key,
    account_id bigint not null references accounts (id) on delete cascade,
    name text not null,
    description text not null default '',
    created_at bigint not null
);
create index sub_user_groups_of_account on sub_user_groups (account_id, created_at, uuid);

-- What sub-accounts have as sub-users.  name: as their parent calls them; used_before: bytes that were used before the
-- last time that their use was set to nothing; sealed: the password, encrypted, since it is told again.

create table sub_users (
    account_id bigint primary key references accounts (id) on delete cascade,
    name text not null default '',
    notes text not null default '',
    group_uuid text references sub_user_groups (uuid) on delete set null,
    used_before bigint not null default 0,
    first smallint not null default 0,
    sealed bytea
);
create index sub_users_by_group on sub_users (group_uuid) where group_uuid is not null;

create table presets (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    name text not null,
    content text not null,
    created_at bigint not null
);
create index presets_of_account on presets (account_id, id);

create table preferences (
    account_id bigint primary key references accounts (id) on delete cascade,
    content text not null
);

-- digest: SHA-256 of the code that lets somebody register; uses: how often it still does.

create table invitations (
    id $IDENTITY,
    digest bytea not null unique,
    label text not null,
    uses bigint not null check (uses >= 0),
    until bigint not null,
    created_at bigint not null,
    by text not null
);

-- An address that is still to be proven, and SHA-256 of what was sent there to prove it.

create table email_proofs (
    account_id bigint primary key references accounts (id) on delete cascade,
    email text not null,
    digest bytea not null,
    sent_at bigint not null,
    until bigint not null
);
