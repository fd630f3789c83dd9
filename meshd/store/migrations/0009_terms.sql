-- What an operator agrees with a customer.  expires_on: an ISO date, the account valid through that day (UTC); '' for
-- never.  bounds: rates and counts that differ from those of its plan; rules: where its requests may go; '' for none.

alter table accounts add column expires_on text not null default '';
alter table accounts add column notes text not null default '';
alter table accounts add column bounds text not null default '';
alter table accounts add column rules text not null default '';

-- used_at: the second in which the token was last billed for an exchange; 0 for never.
alter table tokens add column rules text not null default '';
alter table tokens add column used_at bigint not null default 0;

-- seen_at: the second in which the account itself was last billed; prepaid_bytes: what is left of top-ups, which is used
-- once a period's limit is used up.
alter table usage add column seen_at bigint not null default 0;
alter table usage add column prepaid_bytes bigint not null default 0;
