-- What tells one wrong credential from another without telling what it was; '' where each counts.

alter table failures add column trace text not null default '';

-- Names that a ban of their whole address does not concern, since they were right there shortly before it.

create table spared (
    address text not null,
    username text not null,
    until bigint not null,
    primary key (address, username)
);
create index spared_by_end on spared (until);
create index spared_by_username on spared (username);
