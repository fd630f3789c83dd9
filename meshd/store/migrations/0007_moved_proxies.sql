-- Proxies whose customers were moved to another name: for a day whoever may use the new one may use the old one too,
-- so that processes may take the new settings at their own time.

create table moved_proxies (
    old text primary key,
    new text not null,
    at bigint not null
);
create index moved_proxies_by_new on moved_proxies (new);

-- Which proxies anybody is authorised for is asked at every start and reload.
create index proxy_authorizations_by_proxy on proxy_authorizations (proxy, id);
create index tokens_confined on tokens (id) where proxies <> '';
