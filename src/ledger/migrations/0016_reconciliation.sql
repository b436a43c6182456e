-- Reconciliation: what Optimove, Promotions and the platform say, held against the ledger.

-- Gives again what was approved and the platform does not hold, under the assignment's own key.
insert into admission (kind, standing, until) values
  ('restore', 'open', 'ever'), ('restore', 'held', 'never'), ('restore', 'halted', 'never'),
  ('restore', 'operator', 'never'), ('restore', 'deleted', 'never');

-- The latest run over a campaign, or over a day of the tenant's calendar.
create table reconciliation (
  tenant int not null references tenant,
  -- A campaign's id, or a day.
  subject text not null,
  run text not null unique,
  -- For whom it repairs, and why; null: it only looks.
  repairing jsonb,
  is_nightly boolean not null,
  begun_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  campaigns int[] not null,
  -- Campaigns that have not come to their end: their books are still being written.
  unfinished int not null,
  -- Sent campaigns of which the ledger knows nothing.
  strange int not null,
  -- Customers whose campaign ended, and to whom the ledger gave nothing that ended with it.
  unlisted int not null default 0,
  -- What could not be looked at, and why.
  problems text[] not null default '{}',
  primary key (tenant, subject)
);

-- Who is staging a far side's list below a campaign: two runs must not read into one another's pages.
create table evidence_claim (
  campaign int not null references campaign,
  staging smallint not null,
  run text not null,
  claimed_at timestamptz not null,
  staged_at timestamptz,
  primary key (campaign, staging)
);

-- Which members of a batch the far sides name; null: they were not asked.
create table evidence (
  campaign int not null references campaign,
  batch int not null,
  run text not null,
  sent int4multirange,
  awarded int4multirange,
  ended int4multirange,
  looked_at timestamptz,
  primary key (campaign, batch)
);

-- What differs between the far sides and the ledger. One that is found again stays; one that is not is closed.
create table difference (
  id bigint generated always as identity primary key,
  tenant int not null references tenant,
  campaign int not null references campaign,
  -- Null for a customer whom the ledger does not know.
  batch int,
  position int,
  customer text not null,
  code text not null,
  instance int not null default 0,
  verdict text not null,
  repair text not null,
  found_at timestamptz not null default clock_timestamp(),
  -- The run that found it first, and the one that set out to repair it.
  found_by text not null,
  repaired_by text,
  repaired_at timestamptz,
  closed_at timestamptz
);
create unique index difference_open on difference (campaign, verdict, customer, code, instance)
  where closed_at is null;
create index difference_batch on difference (campaign, batch) where closed_at is null;
create index difference_tenant on difference (tenant, id) where closed_at is null;
