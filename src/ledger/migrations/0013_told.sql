-- A true is told by its writer alone until it is marked as told: whoever wrote it may have had to tell
-- false before he heard that it was committed.
alter table answer add column told boolean not null default false;

alter table batch
  -- Events 11 whose awards may not show yet: since when they are asked for, and when they are next.
  add column awaited_since timestamptz,
  add column again_at timestamptz;
