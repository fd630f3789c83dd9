-- Several accounts may claim an address or a hostname: the family that was first keeps it, the others are disputed.
-- token_id: of the token that added it, or that set the password it was added by; 0 for none.

create table claimed_ips (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    address text not null,
    label text not null default '',
    created_at bigint not null,
    token_id bigint not null default 0,
    unique (account_id, address)
);
insert into claimed_ips (account_id, address, label, created_at)
select account_id, address, label, created_at from authorized_ips order by created_at, address;
drop table authorized_ips;
alter table claimed_ips rename to authorized_ips;
create index authorized_ips_by_address on authorized_ips (address);
create index authorized_ips_by_token on authorized_ips (token_id) where token_id <> 0;

create table claimed_hostnames (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    hostname text not null,
    created_at bigint not null,
    token_id bigint not null default 0,
    unique (account_id, hostname)
);
insert into claimed_hostnames (account_id, hostname, created_at)
select account_id, hostname, created_at from authorized_hostnames order by created_at, hostname;
drop table authorized_hostnames;
alter table claimed_hostnames rename to authorized_hostnames;
create index authorized_hostnames_by_name on authorized_hostnames (hostname, account_id);
create index authorized_hostnames_by_token on authorized_hostnames (token_id) where token_id <> 0;

-- What an allowlisted hostname stands for, and since when.  left_at: when it ceased to, 0 while it does.
create table hostname_addresses (
    account_id bigint not null,
    hostname text not null,
    address text not null,
    since bigint not null,
    left_at bigint not null default 0,
    primary key (account_id, hostname, address),
    foreign key (account_id, hostname) references authorized_hostnames (account_id, hostname) on delete cascade
);
create index hostname_addresses_by_address on hostname_addresses (address);

-- Since when an account and its sub-accounts together have claimed an address without a break; the number only orders.
create table address_claims (
    address text not null,
    family_id bigint not null references accounts (id) on delete cascade,
    since bigint not null,
    primary key (address, family_id)
);
create index address_claims_by_family on address_claims (family_id);
insert into address_claims (address, family_id, since)
select i.address, coalesce(a.parent_id, a.id), i.created_at
from authorized_ips as i join accounts as a on a.id = i.account_id;
