-- Under which key an account's PAC file is found.  A key shows hosts and ports of proxies alone, and opens nothing.

create table pac_files (
    account_id bigint primary key references accounts (id) on delete cascade,
    secret text not null unique,
    created_at bigint not null
);
