-- Which version of meshd has applied a migration, for those that an older version cannot read what is here.  What was
-- applied before has no row.

create table schema_versions (
    number integer primary key,
    meshd text not null
);
