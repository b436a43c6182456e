-- Event 11: a customer met a trigger and was sent the campaign. What it gives waits in the inbox, and
-- then in pools of its own.

alter table inbox drop constraint inbox_status_check;
alter table inbox add constraint inbox_status_check
  check (status in ('recorded', 'due', 'queued', 'started', 'quarantined'));
-- What the door read of an event that waits for its pool; emptied when the row is closed.
alter table inbox add column reading jsonb;
create index inbox_queued on inbox (tenant, id) where status = 'queued';

-- When event 11 was heard of this trigger: another one of the same instance gives nothing.
alter table answer add column executed_at timestamptz;

alter table batch
  -- A pool of events 11: the grants story brings it to its end.
  add column grants boolean not null default false,
  -- By customer what the events said of him; emptied when nothing is built from it any more.
  add column met jsonb;
create index batch_grants on batch (campaign, number) where grants and not finished;

-- What a triggered campaign's pool gave has ended, and nothing of it is left to be taken back.
alter table batch add column ended boolean not null default false;
create index batch_ends on batch (campaign, expires_at) where expires_at is not null and not ended;
