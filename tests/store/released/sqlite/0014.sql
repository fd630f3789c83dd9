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
    password_hash text not null default '', twofold smallint not null default 0, suspended smallint not null default 0, monthly_ceiling bigint not null default 0, total_ceiling bigint not null default 0, made_by bigint not null default 0, password_by bigint not null default 0, expires_on text not null default '', notes text not null default '', bounds text not null default '', rules text not null default '', bounds_by text not null default '', rules_by text not null default '',
    check (parent_id <> id)
);
INSERT INTO "accounts" VALUES(1,'admin','admin',NULL,'root','20',1,'','','',0,0,3,1700000000,'$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk',0,0,0,0,0,0,'','','','','','');
INSERT INTO "accounts" VALUES(2,'alice','alice',NULL,'customer','20',1,'','','',0,0,3,1700000001,'$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk',0,0,0,0,0,0,'2099-12-31','pays late','','','','');
INSERT INTO "accounts" VALUES(3,'kid','kid',2,'customer','20',1,'','','',0,0,3,1700000002,'$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk',0,0,0,0,0,0,'','','','','','');
CREATE TABLE activity (
    account_id bigint not null references accounts (id) on delete cascade,
    ended bigint not null,
    request text not null,
    family_id bigint not null,
    began bigint not null,
    token_id bigint not null,
    proxy text not null,
    client text not null,
    method text not null,
    host text not null,
    port bigint not null,
    exit text not null,
    status bigint not null,
    reason text not null,
    up bigint not null,
    down bigint not null, way text not null default '',
    primary key (account_id, ended, request)
);
INSERT INTO "activity" VALUES(2,23,'23',23,23,23,'23','23','23','23',23,'23',23,'23',23,23,'23');
INSERT INTO "activity" VALUES(3,24,'24',24,24,24,'24','24','24','24',24,'24',24,'24',24,24,'24');
INSERT INTO "activity" VALUES(2,61,'61',61,61,61,'61','61','61','61',61,'61',61,'61',61,61,'61');
INSERT INTO "activity" VALUES(3,62,'62',62,62,62,'62','62','62','62',62,'62',62,'62',62,62,'62');
CREATE TABLE address_claims (
    address text not null,
    family_id bigint not null references accounts (id) on delete cascade,
    since bigint not null,
    primary key (address, family_id)
);
INSERT INTO "address_claims" VALUES('192.0.2.1',2,1);
INSERT INTO "address_claims" VALUES('192.0.2.2',2,2);
INSERT INTO "address_claims" VALUES('192.0.2.37',2,37);
INSERT INTO "address_claims" VALUES('192.0.2.38',3,38);
CREATE TABLE audit (
    id integer primary key autoincrement,
    at bigint not null,
    actor text not null,
    action text not null,
    account_id bigint not null,
    detail text not null default ''
, username text not null default '', changed text not null default '');
INSERT INTO "audit" VALUES(1,17,'17','17',17,'17','','');
INSERT INTO "audit" VALUES(2,18,'18','18',18,'18','','');
INSERT INTO "audit" VALUES(3,51,'51','51',51,'51','51','51');
INSERT INTO "audit" VALUES(4,52,'52','52',52,'52','52','52');
CREATE TABLE "authorized_hostnames" (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    hostname text not null,
    created_at bigint not null,
    token_id bigint not null default 0,
    unique (account_id, hostname)
);
INSERT INTO "authorized_hostnames" VALUES(1,2,'host3.example',3,0);
INSERT INTO "authorized_hostnames" VALUES(2,3,'host4.example',4,0);
INSERT INTO "authorized_hostnames" VALUES(3,2,'host33.example',33,33);
INSERT INTO "authorized_hostnames" VALUES(4,3,'host34.example',34,34);
CREATE TABLE "authorized_ips" (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    address text not null,
    label text not null default '',
    created_at bigint not null,
    token_id bigint not null default 0,
    unique (account_id, address)
);
INSERT INTO "authorized_ips" VALUES(1,2,'192.0.2.1','1',1,0);
INSERT INTO "authorized_ips" VALUES(2,3,'192.0.2.2','2',2,0);
INSERT INTO "authorized_ips" VALUES(3,2,'192.0.2.31','31',31,31);
INSERT INTO "authorized_ips" VALUES(4,3,'192.0.2.32','32',32,32);
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
CREATE TABLE drained_exits (
    name text primary key,
    at bigint not null,
    by text not null
);
INSERT INTO "drained_exits" VALUES('27',27,'27');
INSERT INTO "drained_exits" VALUES('28',28,'28');
CREATE TABLE endings (
    account_id bigint not null references accounts (id) on delete cascade,
    exchange text not null,
    reason text not null,
    at bigint not null,
    primary key (account_id, exchange)
);
INSERT INTO "endings" VALUES(2,'65','65',65);
INSERT INTO "endings" VALUES(3,'66','66',66);
CREATE TABLE exit_health (
    node text not null,
    exit text not null,
    until bigint not null,
    failures bigint not null,
    reason text not null,
    at bigint not null,
    primary key (node, exit)
);
INSERT INTO "exit_health" VALUES('29','29',29,29,'29',29);
INSERT INTO "exit_health" VALUES('30','30',30,30,'30',30);
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
, trace text not null default '');
INSERT INTO "failures" VALUES(1,'192.0.2.11','11',11,1,'');
INSERT INTO "failures" VALUES(2,'192.0.2.12','12',12,0,'');
INSERT INTO "failures" VALUES(3,'192.0.2.43','43',43,1,'43');
INSERT INTO "failures" VALUES(4,'192.0.2.44','44',44,0,'44');
CREATE TABLE hostname_addresses (
    account_id bigint not null,
    hostname text not null,
    address text not null,
    since bigint not null,
    left_at bigint not null default 0,
    primary key (account_id, hostname, address),
    foreign key (account_id, hostname) references authorized_hostnames (account_id, hostname) on delete cascade
);
INSERT INTO "hostname_addresses" VALUES(2,'host3.example','192.0.2.35',35,35);
INSERT INTO "hostname_addresses" VALUES(2,'host33.example','192.0.2.36',36,36);
CREATE TABLE journals (
    id text primary key,
    last_batch bigint not null,
    applied_at bigint not null
);
INSERT INTO "journals" VALUES('9',9,9);
INSERT INTO "journals" VALUES('10',10,10);
CREATE TABLE moved_proxies (
    old text primary key,
    new text not null,
    at bigint not null
);
INSERT INTO "moved_proxies" VALUES('41','41',41);
INSERT INTO "moved_proxies" VALUES('42','42',42);
CREATE TABLE open_exchanges (
    node text primary key,
    at bigint not null,
    total bigint not null,
    content text not null
);
INSERT INTO "open_exchanges" VALUES('63',63,63,'63');
INSERT INTO "open_exchanges" VALUES('64',64,64,'64');
CREATE TABLE proxy_authorizations (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    proxy text not null,
    created_at bigint not null, token_id bigint not null default 0,
    unique (account_id, proxy)
);
INSERT INTO "proxy_authorizations" VALUES(1,2,'local',1700000000,0);
INSERT INTO "proxy_authorizations" VALUES(2,3,'local',1700000000,0);
CREATE TABLE recovery_codes (
    account_id bigint not null references accounts (id) on delete cascade,
    digest bytea not null,
    primary key (account_id, digest)
);
INSERT INTO "recovery_codes" VALUES(2,X'3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B3B');
INSERT INTO "recovery_codes" VALUES(3,X'3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C3C');
CREATE TABLE repeats (
    key bytea primary key,
    request bytea not null,
    answer bytea not null,
    at bigint not null
);
INSERT INTO "repeats" VALUES(X'4949494949494949494949494949494949494949494949494949494949494949',X'4949494949494949494949494949494949494949494949494949494949494949',X'4949494949494949494949494949494949494949494949494949494949494949',73);
INSERT INTO "repeats" VALUES(X'4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A',X'4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A',X'4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A',74);
CREATE TABLE schema_migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at bigint not null
);
INSERT INTO "schema_migrations" VALUES(1,'0001_initial.sql','67c27693c1bce738d0544c3cabed5d07bac540edd9fb14c36b1c133cdea0cf05',1700000000);
INSERT INTO "schema_migrations" VALUES(2,'0002_history.sql','304bc77fdc8672f5ebc51329cd34e021822bb290ea90136ebe5e64cf8fd87a89',1700000000);
INSERT INTO "schema_migrations" VALUES(3,'0003_token_selection.sql','6c210382c28a169523d80dee013baea8b96859397bfc8ab804dee6b25c5e91cf',1700000000);
INSERT INTO "schema_migrations" VALUES(4,'0004_exits.sql','ea8fc43add208c75c66a83f081413c7825a84ea443eeea4b2bf3e7b16988455a',1700000000);
INSERT INTO "schema_migrations" VALUES(5,'0005_claims.sql','469b393d06bbf82a62f04e8cb8883ea0ee09f43721b4e3c847d635fb8f7744a3',1700000000);
INSERT INTO "schema_migrations" VALUES(6,'0006_withheld.sql','b14a18ee5e2bcc569a467d353687e6d0fd6acca3e18d2f84617d6c41c475b700',1700000000);
INSERT INTO "schema_migrations" VALUES(7,'0007_moved_proxies.sql','8df11eedaf149e1f3e6d7969a0ade774373d55a484551ed89cdf3d0d7e0eefc9',1700000000);
INSERT INTO "schema_migrations" VALUES(8,'0008_failures.sql','522ead0c5f720f47824dedfe5be8cdc327c4afab723e6975e5636ca5df6bdff9',1700000000);
INSERT INTO "schema_migrations" VALUES(9,'0009_terms.sql','a115084a7e3b4d952bc7e6915e9a6453b55eac7fb3d14eddf920a257acd9e5e7',1700000000);
INSERT INTO "schema_migrations" VALUES(10,'0010_directory.sql','6cf4396f41d2de9f3038f07f09b2b18ef1262abef2e05761745727f142433d62',1700000000);
INSERT INTO "schema_migrations" VALUES(11,'0011_terms_by.sql','31c7073ebd924e4b2276b1fecad7e11ce0846ac19e30a24012b5e0a47b82041d',1700000000);
INSERT INTO "schema_migrations" VALUES(12,'0012_sessions.sql','e21244d62b2dae19ce481041e0c3f232387181a27f5861d86b0e40cd865a87ca',1700000000);
INSERT INTO "schema_migrations" VALUES(13,'0013_reports.sql','6f8d3243bd4be278aec0e67de575e8baf0847489b322edbf7c164411b2537eaf',1700000000);
INSERT INTO "schema_migrations" VALUES(14,'0014_repeats.sql','f8c86461fa8a9c43dfd8ea5a83fe7f5bb046faf720348f677db7b514ae7836a4',1700000000);
CREATE TABLE second_factors (
    account_id bigint primary key references accounts (id) on delete cascade,
    secret text not null,
    last_step bigint not null,
    since bigint not null
);
INSERT INTO "second_factors" VALUES(2,'57',57,57);
INSERT INTO "second_factors" VALUES(3,'58',58,58);
CREATE TABLE sessions (
    id integer primary key autoincrement,
    digest bytea not null unique,
    account_id bigint not null references accounts (id) on delete cascade,
    proof text not null,
    half smallint not null,
    tries smallint not null default 0,
    began_at bigint not null,
    seen_at bigint not null,
    until bigint not null,
    client text not null,
    agent text not null
);
INSERT INTO "sessions" VALUES(1,X'3737373737373737373737373737373737373737373737373737373737373737',2,'55',1,1,55,55,55,'55','55');
INSERT INTO "sessions" VALUES(2,X'3838383838383838383838383838383838383838383838383838383838383838',3,'56',0,0,56,56,56,'56','56');
CREATE TABLE spared (
    address text not null,
    username text not null,
    until bigint not null,
    primary key (address, username)
);
INSERT INTO "spared" VALUES('192.0.2.45','45',45);
INSERT INTO "spared" VALUES('192.0.2.46','46',46);
CREATE TABLE tokens (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    digest bytea not null unique,
    label text not null default '',
    active smallint not null default 1,
    expires_on text not null default '',
    created_at bigint not null
, selection text not null default '', proxies text not null default '', ended_by text not null default '', rules text not null default '', used_at bigint not null default 0);
INSERT INTO "tokens" VALUES(1,2,X'3D030254E99314407C2D1AFFF74F2BD8E5B186C480D73318D23322A7D387A616','laptop',1,'',1700000003,'','local','','',1700000009);
CREATE TABLE topups (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    reference text not null,
    bytes bigint not null check (bytes > 0),
    note text not null default '',
    at bigint not null,
    by text not null,
    unique (account_id, reference)
);
INSERT INTO "topups" VALUES(1,2,'53',53,'53',53,'53');
INSERT INTO "topups" VALUES(2,3,'54',54,'54',54,'54');
CREATE TABLE traffic_days (
    kind text not null,
    day bigint not null,
    name text not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    failures bigint not null,
    primary key (kind, day, name)
);
INSERT INTO "traffic_days" VALUES('71',71,'71',71,71,71,71);
INSERT INTO "traffic_days" VALUES('72',72,'72',72,72,72,72);
CREATE TABLE traffic_hours (
    kind text not null,
    hour bigint not null,
    name text not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    failures bigint not null,
    primary key (kind, hour, name)
);
INSERT INTO "traffic_hours" VALUES('69',69,'69',69,69,69,69);
INSERT INTO "traffic_hours" VALUES('70',70,'70',70,70,70,70);
CREATE TABLE usage (
    account_id bigint primary key references accounts (id) on delete cascade,
    total_bytes bigint not null,
    period_bytes bigint not null,
    period_start bigint not null
, seen_at bigint not null default 0, prepaid_bytes bigint not null default 0, fullness smallint not null default 0);
INSERT INTO "usage" VALUES(2,5,5,5,0,0,0);
INSERT INTO "usage" VALUES(3,6,6,6,0,0,0);
CREATE TABLE usage_days (
    account_id bigint not null references accounts (id) on delete cascade,
    day bigint not null,
    token_id bigint not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    primary key (account_id, day, token_id)
);
INSERT INTO "usage_days" VALUES(2,0,7,7,7,7);
INSERT INTO "usage_days" VALUES(3,0,8,8,8,8);
INSERT INTO "usage_days" VALUES(2,25,25,25,25,25);
INSERT INTO "usage_days" VALUES(3,26,26,26,26,26);
CREATE TABLE usage_domains (
    account_id bigint not null references accounts (id) on delete cascade,
    day bigint not null,
    name text not null,
    up bigint not null,
    down bigint not null,
    exchanges bigint not null,
    failures bigint not null,
    primary key (account_id, day, name)
);
INSERT INTO "usage_domains" VALUES(2,67,'67',67,67,67,67);
INSERT INTO "usage_domains" VALUES(3,68,'68',68,68,68,68);
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
CREATE TABLE withheld (
    id integer primary key autoincrement,
    account_id bigint not null references accounts (id) on delete cascade,
    kind text not null,
    name text not null,
    cause text not null,
    at bigint not null,
    by text not null,
    unique (account_id, kind, name)
);
INSERT INTO "withheld" VALUES(1,2,'39','39','39',39,'39');
INSERT INTO "withheld" VALUES(2,3,'40','40','40',40,'40');
CREATE INDEX accounts_by_parent on accounts (parent_id);
CREATE UNIQUE INDEX accounts_one_root on accounts (role) where role = 'root';
CREATE INDEX tokens_by_account on tokens (account_id);
CREATE INDEX failures_by_address on failures (address, at);
CREATE INDEX failures_by_time on failures (at);
CREATE INDEX bans_by_end on bans (until);
CREATE INDEX audit_by_account on audit (account_id, id);
CREATE INDEX activity_by_family on activity (family_id, ended, request);
CREATE INDEX activity_by_end on activity (ended);
CREATE INDEX bans_by_username on bans (username);
CREATE INDEX failures_by_username on failures (username);
CREATE INDEX accounts_twofold on accounts (username_key) where twofold = 1;
CREATE INDEX exit_health_by_end on exit_health (until);
CREATE INDEX authorized_ips_by_address on authorized_ips (address);
CREATE INDEX authorized_ips_by_token on authorized_ips (token_id) where token_id <> 0;
CREATE INDEX authorized_hostnames_by_name on authorized_hostnames (hostname, account_id);
CREATE INDEX authorized_hostnames_by_token on authorized_hostnames (token_id) where token_id <> 0;
CREATE INDEX hostname_addresses_by_address on hostname_addresses (address);
CREATE INDEX address_claims_by_family on address_claims (family_id);
CREATE INDEX accounts_by_maker on accounts (made_by) where made_by <> 0;
CREATE INDEX accounts_by_password on accounts (password_by) where password_by <> 0;
CREATE INDEX proxy_authorizations_by_token on proxy_authorizations (token_id) where token_id <> 0;
CREATE INDEX moved_proxies_by_new on moved_proxies (new);
CREATE INDEX proxy_authorizations_by_proxy on proxy_authorizations (proxy, id);
CREATE INDEX tokens_confined on tokens (id) where proxies <> '';
CREATE INDEX spared_by_end on spared (until);
CREATE INDEX spared_by_username on spared (username);
CREATE INDEX accounts_by_email on accounts (email) where email <> '';
CREATE INDEX accounts_by_plan_and_name on accounts (plan, username_key);
CREATE INDEX accounts_by_plan on accounts (plan, id);
CREATE INDEX accounts_inactive_by_name on accounts (username_key) where active = 0;
CREATE INDEX accounts_inactive on accounts (id) where active = 0;
CREATE INDEX accounts_that_expire_by_name on accounts (username_key) where expires_on <> '';
CREATE INDEX accounts_that_expire on accounts (id) where expires_on <> '';
CREATE INDEX accounts_by_role on accounts (role, id) where role <> 'customer';
CREATE INDEX usage_by_seen on usage (seen_at, account_id);
CREATE INDEX usage_by_fullness on usage (fullness, account_id);
CREATE INDEX audit_by_time on audit (at, id);
CREATE INDEX audit_by_username on audit (username, at, id) where username <> '';
CREATE INDEX audit_by_actor on audit (actor, at, id);
CREATE INDEX audit_by_account_and_time on audit (account_id, at, id);
CREATE INDEX topups_by_account on topups (account_id, id);
CREATE INDEX tokens_by_minute on tokens (expires_on) where length(expires_on) > 10;
CREATE INDEX sessions_by_account on sessions (account_id, seen_at);
CREATE INDEX sessions_by_end on sessions (until);
CREATE INDEX accounts_by_email_of_any_case on accounts (lower(email)) where email <> '';
CREATE INDEX accounts_below on accounts (parent_id, username_key);
CREATE INDEX endings_by_time on endings (at);
CREATE INDEX usage_domains_by_day on usage_domains (day);
CREATE INDEX activity_by_way on activity (way, ended);
CREATE INDEX activity_long on activity (way, ended) where ended - began > 3600000;
CREATE INDEX accounts_without_parent on accounts (id) where parent_id is null;
CREATE INDEX accounts_by_creation on accounts (created_at, parent_id);
CREATE INDEX repeats_by_time on repeats (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',3);
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
INSERT INTO "sqlite_sequence" VALUES('proxy_authorizations',2);
INSERT INTO "sqlite_sequence" VALUES('failures',4);
INSERT INTO "sqlite_sequence" VALUES('audit',4);
INSERT INTO "sqlite_sequence" VALUES('authorized_ips',4);
INSERT INTO "sqlite_sequence" VALUES('authorized_hostnames',4);
INSERT INTO "sqlite_sequence" VALUES('withheld',2);
INSERT INTO "sqlite_sequence" VALUES('topups',2);
INSERT INTO "sqlite_sequence" VALUES('sessions',2);
COMMIT;
