-- Guards, and what needs a person.

-- One row a concern, from when it was raised until it is over: an outbox, from which a gateway tells
-- both, each once. Without a tenant it concerns all of them.
create table alert (
  id uuid primary key default gen_random_uuid(),
  tenant int references tenant,
  kind text not null,
  subject text not null,
  campaign text,
  message text not null,
  raised_at timestamptz not null default clock_timestamp(),
  over_at timestamptz,
  told_at timestamptz,
  over_told_at timestamptz,
  leased_until timestamptz,
  attempts int not null default 0
);
create unique index alert_open on alert (coalesce(tenant, 0), kind, subject) where over_at is null;
create index alert_due on alert (raised_at)
  where told_at is null or over_at is not null and over_told_at is null;

-- Webhooks that nobody could use are looked for by themselves.
create index inbox_quarantined on inbox (received_at) where status = 'quarantined';

-- When a far side answered last, and since when it does not while it is called.
create table contact (
  tenant int not null references tenant,
  far_side text not null,
  answered_at timestamptz,
  failing_since timestamptz,
  failed_at timestamptz,
  primary key (tenant, far_side)
);

-- What a guard has held this campaign for: after the release it does not hold for the same again.
alter table campaign add let_pass jsonb not null default '{}';

-- What a batch is about to give, by reward type: written before its first allocation begins.
create table reward_sum (
  campaign int not null references campaign,
  reward_type text not null,
  batch int not null,
  amount numeric not null,
  primary key (campaign, reward_type, batch)
);

-- What a campaign gives in all of each limited reward type, and how much it may. What was released once
-- comes on top of the limit, so that the next hold comes when as much again is to be given.
create function reward_totals(p_campaign int)
  returns table (reward_type text, total numeric, ceiling numeric) language sql stable as $$
  select l.key,
    coalesce((select sum(s.amount) from reward_sum s
      where s.campaign = c.ref and s.reward_type = l.key), 0),
    l.value::numeric + coalesce((c.let_pass #>> array['rewards', l.key])::numeric, 0)
  from campaign c
  cross join lateral jsonb_each_text(coalesce(c.plan #> '{limits,maxRewardTotal}', '{}')) l
  where c.ref = p_campaign
$$;
