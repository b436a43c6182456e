-- What follows once Optimove has sent a campaign (event 13): its fulfilments, one a channel.

alter table campaign drop constraint campaign_phase_check;
alter table campaign add constraint campaign_phase_check
  check (phase in ('announced', 'collecting', 'running', 'executed', 'closed'));
-- Since when it is known of every approved customer whether Optimove has sent to him.
alter table campaign add column sent_known_at timestamptz,
  -- How many assignments were approved, and not sent.
  add column not_sent int not null default 0;

insert into admission (kind, standing, until) values
  ('publish', 'open', 'stop'), ('publish', 'held', 'never'), ('publish', 'halted', 'never'),
  ('publish', 'operator', 'never'), ('publish', 'deleted', 'never');

create table fulfilment (
  campaign int not null references campaign,
  -- Empty where Optimove named none, and so told of all.
  channel text not null,
  -- Its place among those of its campaign, from 1: its pages are staged under sweeps of its own.
  number smallint not null,
  -- When Optimove said that it had sent the campaign, and for when the sending was scheduled.
  told_at timestamptz not null,
  scheduled_at timestamptz,
  -- What it gives begins and ends then.
  starts_at timestamptz,
  ends_at timestamptz,
  -- It waits for something that takes its time, and looks again then.
  wakes_at timestamptz,
  collected_at timestamptz,
  closed_at timestamptz,
  outcome text,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (campaign, channel),
  unique (campaign, number)
);
create index fulfilment_open on fulfilment (campaign) where closed_at is null;

alter table batch
  -- By which fulfilment it is walked once the campaign has been sent.
  add column fulfilment smallint,
  -- When what it gives begins, where a lead time delays it.
  add column starts_at timestamptz,
  -- Whom of its members Optimove has sent the campaign; null: not known.
  add column sent int4multirange;
