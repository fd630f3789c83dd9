BEGIN TRANSACTION;
CREATE TABLE accounts (
    id integer primary key autoincrement,
    username text not null,
    username_key text not null unique,
    parent_id bigint references accounts (id) on delete cascade,
    role text not null check (role in ('root', 'admin', 'viewer', 'customer')),
    plan text not null,
    active smallint not null default 1,
    first_name text not null default '',
    last_name text not null default '',
    email text not null default '',
    monthly_limit bigint not null default 0 check (monthly_limit >= 0),
    total_limit bigint not null default 0 check (total_limit >= 0),
    billing_day smallint not null check (billing_day between 1 and 31),
    created_at bigint not null,
    password_hash text not null default '',
    check (parent_id <> id)
);
INSERT INTO "accounts" VALUES(1,'admin','admin',NULL,'root','20',1,'','','',0,0,3,1700000000,'$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk');
INSERT INTO "accounts" VALUES(2,'alice','alice',NULL,'customer','20',1,'','','',0,0,3,1700000001,'$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk');
INSERT INTO "accounts" VALUES(3,'kid','kid',2,'customer','20',1,'','','',0,0,3,1700000002,'$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk');
CREATE TABLE audit (
    id integer primary key autoincrement,
    at bigint not null,
    actor text not null,
    action text not null,
    account_id bigint not null,
    detail text not null default ''
);
INSERT INTO "audit" VALUES(1,17,'17','17',17,'17');
INSERT INTO "audit" VALUES(2,18,'18','18',18,'18');
CREATE TABLE authorized_hostnames (
    hostname text primary key,
    account_id bigint not null references accounts (id) on delete cascade,
    created_at bigint not null
);
INSERT INTO "authorized_hostnames" VALUES('host3.example',2,3);
INSERT INTO "authorized_hostnames" VALUES('host4.example',3,4);
CREATE TABLE authorized_ips (
    address text primary key,
    account_id bigint not null references accounts (id) on delete cascade,
    label text not null default '',
    created_at bigint not null
);
INSERT INTO "authorized_ips" VALUES('192.0.2.1',2,'1',1);
INSERT INTO "authorized_ips" VALUES('192.0.2.2',3,'2',2);
CREATE TABLE bans (
    address text not null,
    username text not null,
    until bigint not null,
    primary key (address, username)
);
INSERT INTO "bans" VALUES('192.0.2.15','15',15);
INSERT INTO "bans" VALUES('192.0.2.16','16',16);
CREATE TABLE change_counter (
    id smallint primary key check (id = 1),
    seq bigint not null
);
INSERT INTO "change_counter" VALUES(1,0);
CREATE TABLE changes (
    seq bigint primary key,
    account_id bigint not null
);
INSERT INTO "changes" VALUES(21,21);
INSERT INTO "changes" VALUES(22,22);
CREATE TABLE failure_locks (slot smallint primary key);
INSERT INTO "failure_locks" VALUES(0);
INSERT INTO "failure_locks" VALUES(1);
INSERT INTO "failure_locks" VALUES(2);
INSERT INTO "failure_locks" VALUES(3);
INSERT INTO "failure_locks" VALUES(4);
INSERT INTO "failure_locks" VALUES(5);
INSERT INTO "failure_locks" VALUES(6);
INSERT INTO "failure_locks" VALUES(7);
INSERT INTO "failure_locks" VALUES(8);
INSERT INTO "failure_locks" VALUES(9);
INSERT INTO "failure_locks" VALUES(10);
INSERT INTO "failure_locks" VALUES(11);
INSERT INTO "failure_locks" VALUES(12);
INSERT INTO "failure_locks" VALUES(13);
INSERT INTO "failure_locks" VALUES(14);
INSERT INTO "failure_locks" VALUES(15);
CREATE TABLE failures (
    id integer primary key autoincrement,
    address text not null,
    username text not null,
    at bigint not null,
    spent smallint not null default 0
);
INSERT INTO "failures" VALUES(1,'192.0.2.11','11',11,1);
INSERT INTO "failures" VALUES(2,'192.0.2.12','12',12,0);
CREATE TABLE journals (
    id text primary key,
    last_batch bigint not null,
    applied_at bigint not null
);
INSERT INTO "journals" VALUES('9',9,9);
INSERT INTO "journals" VALUES('10',10,10);
CREATE TABLE proxy_authorizations (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    proxy text not null,
    created_at bigint not null,
    unique (account_id, proxy)
);
INSERT INTO "proxy_authorizations" VALUES(1,2,'local',1700000000);
INSERT INTO "proxy_authorizations" VALUES(2,3,'local',1700000000);
CREATE TABLE schema_migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at bigint not null
);
INSERT INTO "schema_migrations" VALUES(1,'0001_initial.sql','67c27693c1bce738d0544c3cabed5d07bac540edd9fb14c36b1c133cdea0cf05',1700000000);
CREATE TABLE tokens (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    digest bytea not null unique,
    label text not null default '',
    active smallint not null default 1,
    expires_on text not null default '',
    created_at bigint not null
);
INSERT INTO "tokens" VALUES(1,2,X'3D030254E99314407C2D1AFFF74F2BD8E5B186C480D73318D23322A7D387A616','laptop',1,'',1700000003);
CREATE TABLE usage (
    account_id bigint primary key references accounts (id) on delete cascade,
    total_bytes bigint not null,
    period_bytes bigint not null,
    period_start bigint not null
);
INSERT INTO "usage" VALUES(2,5,5,5);
INSERT INTO "usage" VALUES(3,6,6,6);
CREATE TABLE usage_hours (
    account_id bigint not null references accounts (id) on delete cascade,
    hour bigint not null,
    token_id bigint not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    primary key (account_id, hour, token_id)
);
INSERT INTO "usage_hours" VALUES(2,7,7,7,7,7);
INSERT INTO "usage_hours" VALUES(3,8,8,8,8,8);
CREATE INDEX accounts_by_parent on accounts (parent_id);
CREATE UNIQUE INDEX accounts_one_root on accounts (role) where role = 'root';
CREATE INDEX tokens_by_account on tokens (account_id);
CREATE INDEX authorized_ips_by_account on authorized_ips (account_id);
CREATE INDEX authorized_hostnames_by_account on authorized_hostnames (account_id);
CREATE INDEX failures_by_address on failures (address, at);
CREATE INDEX failures_by_time on failures (at);
CREATE INDEX bans_by_end on bans (until);
CREATE INDEX audit_by_account on audit (account_id, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',3);
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
INSERT INTO "sqlite_sequence" VALUES('proxy_authorizations',2);
INSERT INTO "sqlite_sequence" VALUES('failures',2);
INSERT INTO "sqlite_sequence" VALUES('audit',2);
COMMIT;
