-- Who set a sub-account's bounds and rules: 'operator', whose word its parent cannot change, or '' for its parent.

alter table accounts add column bounds_by text not null default '';
alter table accounts add column rules_by text not null default '';
