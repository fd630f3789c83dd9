-- Where a change came from: the command, an API or the pages, and the id of the request, as the request log has it.

alter table audit add column way text not null default '';
alter table audit add column request text not null default '';
