-- Second factors that are shown and not confirmed yet.  digests: those of the recovery codes, 32 bytes each.

create table pending_factors (
    account_id bigint primary key references accounts (id) on delete cascade,
    secret text not null,
    digests bytea not null,
    until bigint not null
);
create index pending_factors_by_end on pending_factors (until);
