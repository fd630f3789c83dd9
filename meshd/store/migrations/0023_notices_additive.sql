-- What the operator is told of, until each webhook and mailbox has it: written with the change that it tells of.

-- Whom daemons want told.  kinds: of events, with a comma before and after each.  place: another one is another receiver.
create table notice_targets (
    name text primary key,
    kinds text not null,
    place text not null,
    gone smallint not null default 0,
    seen_at bigint not null,
    sent bigint not null default 0,
    failed bigint not null default 0,
    dropped bigint not null default 0
);

-- A row for each notice and target.  subject: notices about one thing go out one after the other.
-- until: the process `owner` has it in hand until then.
create table notices (
    id $IDENTITY,
    target text not null,
    subject text not null,
    notice text not null,
    kind text not null,
    at bigint not null,
    account_id bigint not null,
    username text not null,
    data text not null,
    state text not null default 'waiting',
    queued_at bigint not null,
    tries smallint not null default 0,
    due bigint not null default 0,
    owner text not null default '',
    until bigint not null default 0,
    why text not null default ''
);
create index notices_in_order on notices (target, state, id);
create index notices_by_subject on notices (target, state, subject, id);

-- What was told once and is not told again; until: when that may be forgotten.
create table notice_marks (
    mark text primary key,
    until bigint not null
);
create index notice_marks_by_end on notice_marks (until);

-- The highest part of a limit, in percent, that was told of an account in a period; scope: 'month' or 'total'.
create table quota_levels (
    account_id bigint not null references accounts (id) on delete cascade,
    scope text not null,
    limit_bytes bigint not null,
    period_start bigint not null,
    level smallint not null,
    primary key (account_id, scope, limit_bytes)
);
