-- What the platform says that its customers have used, and in which words Promotions is told of it.

-- A redemption of what was used, told from a fence on: whatever else was queued is being taken back.
insert into admission (kind, standing, until) values
  ('redeem_used', 'open', 'ever'), ('redeem_used', 'held', 'ever'), ('redeem_used', 'halted', 'never'),
  ('redeem_used', 'operator', 'ever'), ('redeem_used', 'deleted', 'ever');

-- Insert-only, one row an assignment: what Promotions is told once is told so for ever.
create table use (
  campaign int not null,
  batch int not null,
  position int not null,
  used_at timestamptz not null,
  -- As the platform told it; null where it did not.
  redemption_id text,
  rewards jsonb,
  code text,
  -- Its redemption was queued by this, and is told in its words; else it was told, or queued, when it was given.
  queued boolean not null,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (campaign, batch, position)
);
