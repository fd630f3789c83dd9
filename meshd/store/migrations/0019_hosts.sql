-- What is published behind the daemon.  settings: JSON, as the API spells it, without anything secret; secret: a private key
-- that is sealed, or an access list's passwords, hashed, as JSON; token_id: the one under which the ledger counts its bytes,
-- 0 for what moves none; revision: the number in the change feed of its last change; deleted: when it was deleted, 0 while
-- it is there.  No foreign key: whoever has deleted an account tells every process what became of what was published.

create table published (
    id $IDENTITY,
    kind text not null,
    settings text not null,
    secret bytea,
    enabled smallint not null,
    owner_id bigint not null,
    token_id bigint not null default 0,
    created_at bigint not null,
    modified_at bigint not null,
    revision bigint not null default 0,
    deleted bigint not null default 0
);
create index published_of_kind on published (kind, id) where deleted = 0;
create index published_of_owner on published (owner_id, id) where deleted = 0;
create index published_by_revision on published (revision, id);
create index published_gone on published (deleted, id) where deleted > 0;

-- The one row is locked by whoever changes what is published, so that rules over several rows hold.  pruned: the greatest
-- revision of what was deleted and is not even known as deleted any more.

create table published_lock (
    id smallint primary key check (id = 1),
    pruned bigint not null
);
insert into published_lock (id, pruned) values (1, 0);

-- The names of proxy, redirection and dead hosts.

create table published_names (
    name text primary key,
    published_id bigint not null references published (id) on delete cascade
);
create index published_names_of on published_names (published_id);

-- The ports of streams and forwards.  interface: '' for all; sni: '' for whatever no other row of that port names.

create table published_ports (
    transport text not null check (transport in ('tcp', 'udp')),
    port bigint not null,
    interface text not null,
    sni text not null,
    published_id bigint not null references published (id) on delete cascade,
    primary key (transport, port, interface, sni)
);
create index published_ports_of on published_ports (published_id);

-- Which certificate and which access list something uses.

create table published_links (
    published_id bigint not null references published (id) on delete cascade,
    other_id bigint not null references published (id),
    primary key (published_id, other_id)
);
create index published_links_to on published_links (other_id, published_id);

-- Who did what by the API of published hosts.  details: JSON; address: the client's.

create table hosts_audit (
    id $IDENTITY,
    at bigint not null,
    account_id bigint not null,
    username text not null,
    email text not null,
    action text not null,
    resource_type text not null,
    resource_id bigint not null,
    details text not null,
    address text not null
);
create index hosts_audit_by_time on hosts_audit (at, id);
create index hosts_audit_by_type on hosts_audit (resource_type, at, id);
create index hosts_audit_by_action on hosts_audit (action, at, id);
create index hosts_audit_by_username on hosts_audit (username, at, id);

create index accounts_of_staff on accounts (id) where role <> 'customer';

-- Sign-ins of that API: what renews one, and the token that it renews.  digest: SHA-256 of what the client was given; family:
-- that of the first of those that were renewed one by the other; spent: 1 where it was used, and must not be used again.

create table refreshes (
    id $IDENTITY,
    digest bytea not null unique,
    account_id bigint not null references accounts (id) on delete cascade,
    family bigint not null,
    proof text not null,
    token_id bigint not null,
    until bigint not null,
    spent smallint not null default 0
);
create index refreshes_of_family on refreshes (family);
create index refreshes_of_account on refreshes (account_id, id);
create index refreshes_by_end on refreshes (until);
create index refreshes_by_token on refreshes (token_id);

-- Certificates that are obtained by ACME: when something is to be done next, who does it and until when, and how often it
-- has failed in a row.  again: 1 where it is to be done once more after that, since the names have changed meanwhile.

create table acme_orders (
    published_id bigint primary key references published (id) on delete cascade,
    due_at bigint not null,
    node text not null default '',
    until bigint not null default 0,
    failures bigint not null default 0,
    again smallint not null default 0
);
create index acme_orders_due on acme_orders (due_at, published_id);

-- The key, sealed, by which an authority knows this installation, and the account's URL there.

create table acme_accounts (
    directory text primary key,
    sealed bytea not null,
    uri text not null
);

-- What an authority has to find here, by its token.

create table acme_challenges (
    token text primary key,
    content text not null,
    at bigint not null
);
create index acme_challenges_by_time on acme_challenges (at, token);
