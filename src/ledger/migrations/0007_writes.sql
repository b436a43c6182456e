-- Who writes a batch raises its version, so that whoever read it before can tell in one statement
-- whether what it read still stands, and need not lock and read it again.
alter table batch add column version int not null default 0;

-- A change is a write of its batch. Whoever appends one holds the batch's row already.
create function raise_versions() returns trigger language plpgsql as $$
begin
  update batch b set version = version + 1
  from (select distinct campaign, batch from appended) a
  where b.campaign = a.campaign and b.number = a.batch;
  return null;
end $$;
create trigger change_raises_version after insert on change
  referencing new table as appended for each statement execute function raise_versions();

-- Promo codes the batch has yet to validate in this pass; null: not known yet, so it may be any.
alter table batch drop column left_validation, add column to_validate text[];

-- What was given hardly gets smaller: trying to compress it cost more time than room was won.
alter table batch alter column unique_codes set storage external;

-- The customers of a page, each numbered where it first came; a customer's rows stand side by side, and
-- `leads` is true for the first of them.
alter table page add column people int not null default 0, add column places int[] not null default '{}',
  add column leads boolean[] not null default '{}';
