-- What a token asks for where its user does not, and the proxies that it is for; '' for all that its account may use.

alter table tokens add column selection text not null default '';
alter table tokens add column proxies text not null default '';

-- Whether the username may also be read as a shorter one and a selection: these few are asked for all at once.

alter table accounts add column twofold smallint not null default 0;
update accounts set twofold = 1
where username_key like '_%-country%' or username_key like '_%-exit%' or username_key like '_%-not%'
    or username_key like '_%-session%' or username_key like '_%-ttl%' or username_key like '_%-strict%';
create index accounts_twofold on accounts (username_key) where twofold = 1;
