-- What customers buy.  Amounts are in the minor unit of their currency; offer, title, bytes, price and period are those
-- of the settings when the order was made.  reference: the payment's, as whoever took it calls it.  No foreign key: what
-- was sold is known still when its account is gone.

create table orders (
    id $IDENTITY,
    account_id bigint not null,
    username text not null,
    offer text not null,
    kind text not null,
    title text not null,
    bytes bigint not null check (bytes > 0),
    period text not null,
    rollover smallint not null,
    price bigint not null check (price >= 0),
    discount bigint not null check (discount between 0 and price),
    currency text not null,
    coupon_id bigint not null default 0,
    coupon text not null default '',
    state text not null check (state in ('open', 'settled', 'cancelled', 'expired')),
    reference text not null default '',
    created_at bigint not null,
    expires_at bigint not null,
    ended_at bigint not null default 0,
    ended_by text not null default ''
);
create index orders_by_account on orders (account_id, id);
create index orders_by_state on orders (state, id);
create index orders_by_account_and_state on orders (account_id, state, id);
create index orders_by_state_and_end on orders (state, expires_at, id);

-- kind: `percent`, `amount` (minor units of the currency) or `bytes`; uses, each_uses: in all and for each account, 0 for
-- any number; last_day: valid through that day, '' for ever; offers: a JSON list of names, '[]' for all.

create table coupons (
    id $IDENTITY,
    code text not null unique,
    kind text not null check (kind in ('percent', 'amount', 'bytes')),
    value bigint not null check (value > 0),
    currency text not null default '',
    uses bigint not null default 0,
    each_uses bigint not null default 0,
    used bigint not null default 0 check (used >= 0),
    last_day text not null default '',
    offers text not null default '[]',
    active smallint not null default 1,
    created_at bigint not null,
    by text not null,
    check (uses = 0 or used <= uses)
);

-- number: which use of the coupon by that account it is, from 1; order_id: 0 where its bytes were taken at once.

create table coupon_uses (
    coupon_id bigint not null references coupons (id) on delete cascade,
    account_id bigint not null,
    number bigint not null,
    order_id bigint not null,
    at bigint not null,
    primary key (coupon_id, account_id, number)
);

-- Invoices are numbered without gaps: the last number is a row that each new one locks.  seller, buyer: JSON lists of
-- lines, as they were then.

create table invoice_numbers (
    id smallint primary key check (id = 1),
    last bigint not null
);
insert into invoice_numbers (id, last) values (1, 0);
create table invoices (
    number bigint primary key,
    order_id bigint not null unique,
    at bigint not null,
    seller text not null,
    buyer text not null,
    note text not null
);

-- What was paid for by the month.  lapses: 1 where it is a monthly limit until its end, 0 where its bytes were added and
-- stay.  own_limit: the account's own monthly limit before it began; set_limit: the one that it set.

create table subscriptions (
    id $IDENTITY,
    account_id bigint not null references accounts (id) on delete cascade,
    order_id bigint not null unique,
    title text not null,
    bytes bigint not null,
    lapses smallint not null,
    starts_at bigint not null,
    ends_at bigint not null,
    state text not null check (state in ('coming', 'running', 'over')),
    own_limit bigint not null default 0,
    set_limit bigint not null default 0
);
create index subscriptions_by_account on subscriptions (account_id, ends_at);
create index subscriptions_to_begin on subscriptions (starts_at, id) where state = 'coming';
create index subscriptions_to_end on subscriptions (ends_at, id) where state = 'running';

-- What the payment processor has told, by its id, so that it counts once.

create table payment_events (
    id text primary key,
    at bigint not null,
    order_id bigint not null
);
create index payment_events_by_time on payment_events (at);
