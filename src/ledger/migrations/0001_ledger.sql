-- The ledger: what is true of each customer. Bulk facts are arrays of a batch, one element an
-- assignment; what happens to one customer alone later is an appended change.

create table tenant (
  ref int generated always as identity primary key,
  name text not null unique,
  held jsonb,
  halted jsonb,
  -- What 413 answers taught: the most a far side takes in one call, by far side.
  sizes jsonb not null default '{}'
);

create table campaign (
  ref int generated always as identity primary key,
  tenant int not null references tenant,
  id text not null,
  epoch int not null default 0,
  phase text not null default 'announced'
    check (phase in ('announced', 'collecting', 'running', 'closed')),
  -- The latest event 5 by its own TimeStamp, and why it cannot be used, where it cannot.
  announced_at timestamptz,
  duration_days int,
  problem text,
  deadline timestamptz,
  stop timestamptz,
  last_report timestamptz,
  plan jsonb,
  details jsonb,
  -- Fixed when the first batch is allocated.
  expires_at timestamptz,
  fence text check (fence in ('deleted', 'operator')),
  fenced_at timestamptz,
  held jsonb,
  -- Every promo code of the audience; batches name them by their place in it, from 1.
  codes text[] not null default '{}',
  -- Codes whose promotion was found inactive, each alerted once.
  inactive_codes text[] not null default '{}',
  controls int not null default 0,
  malformed int not null default 0,
  pass int not null default 0,
  summary jsonb,
  recorded_at timestamptz not null default clock_timestamp(),
  opened_at timestamptz,
  collected_at timestamptz,
  closed_at timestamptz,
  unique (tenant, id)
);
create index campaign_open on campaign (tenant) where phase <> 'closed';

-- The audience as it came, and so the place to resume. Emptied when the audience has been cut.
create table page (
  campaign int not null references campaign,
  sweep int not null,
  number int not null,
  length int not null,
  controls int not null,
  malformed int not null,
  digest text not null,
  customers text[] not null,
  hashes uuid[] not null,
  codes smallint[] not null,
  actions int[] not null,
  primary key (campaign, sweep, number)
);

create table batch (
  campaign int not null references campaign,
  number int not null,
  -- Claimed by each new attempt or revocation, so that an older one can begin nothing.
  token int not null default 0,
  -- The pass that last took it, and whether it has left validation in that pass.
  pass int not null default 0,
  left_validation boolean not null default false,
  -- Its recipe has been walked to the end: no pass needs to take it again.
  finished boolean not null default false,
  -- Since when some of its redemptions are queued, and the first instant they may be told.
  redemptions_queued_at timestamptz,
  redemptions_due_at timestamptz,
  size int not null,
  people int not null,
  folded bigint not null default 0,
  -- Packed, an element an assignment: facts take a byte, places in a list two, an action four; texts
  -- are lines split by the unit separator, which no id may hold. Read as smallint[] a column took the
  -- server 0.5 ms and the worker 3 ms; packed it takes neither anything to speak of.
  customers text not null,
  action bytea not null,
  -- `leads` is 1 where a customer's members begin.
  leads bytea not null,
  state bytea not null,
  clearance bytea not null,
  redemption bytea not null,
  code bytea not null,
  reason bytea not null,
  reasons text[] not null default '{}',
  reward bytea,
  rewards jsonb not null default '[]',
  unique_codes text,
  primary key (campaign, number)
);

-- Ids hardly get smaller: trying to compress them cost more time than room was won.
alter table batch alter column customers set storage external;

-- Insert-only: where an assignment lives. The customer is a hash, which halves the table.
create table assignment (
  campaign int not null,
  customer uuid not null,
  batch int not null,
  position int not null,
  code smallint not null,
  instance smallint not null default 0,
  primary key (campaign, customer, code, instance)
);

create table change (
  seq bigint generated always as identity primary key,
  campaign int not null,
  batch int not null,
  position int not null,
  fact text not null check (fact in ('state', 'clearance', 'redemption')),
  value smallint not null,
  cause text not null,
  reason text,
  at timestamptz not null default clock_timestamp()
);
create index change_batch on change (campaign, batch, seq);

create table suppression (
  tenant int not null references tenant,
  customer text not null,
  reason text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (tenant, customer)
);

create table code (
  tenant int not null references tenant,
  code text not null,
  promocode_id text,
  promotion_id text,
  -- A code that Promotions does not know is asked for again after a while.
  looked_up timestamptz not null default clock_timestamp(),
  primary key (tenant, code)
);

create table inbox (
  id bigint generated always as identity primary key,
  tenant int not null references tenant,
  digest text not null,
  type int,
  campaign text,
  body jsonb not null,
  status text not null check (status in ('recorded', 'due', 'started', 'quarantined')),
  reason text,
  times int not null default 1,
  received_at timestamptz not null default clock_timestamp(),
  leased_until timestamptz,
  started_at timestamptz,
  unique (tenant, digest)
);
create index inbox_due on inbox (id) where status = 'due';
create index inbox_last on inbox (tenant, type, received_at desc);

create table audit (
  id bigint generated always as identity primary key,
  tenant int not null references tenant,
  campaign text,
  actor text not null,
  act text not null,
  reason text,
  at timestamptz not null default clock_timestamp()
);

-- An element of a packed column, from 1.
create function fact_at(packed bytea, place int) returns smallint language sql immutable parallel safe
  return get_byte(packed, place - 1);
create function place_at(packed bytea, place int) returns int language sql immutable parallel safe
  return get_byte(packed, 2 * place - 2) * 256 + get_byte(packed, 2 * place - 1);
create function action_at(packed bytea, place int) returns int language sql immutable parallel safe
  return place_at(packed, 2 * place - 1) * 65536 + place_at(packed, 2 * place);
create function line_at(lines text, place int) returns text language sql immutable parallel safe
  return nullif(split_part(lines, chr(31), place), '');

create function state_name(value smallint) returns text language sql immutable parallel safe return
  (array['targeted', 'screened', 'validated', 'published', 'allocated', 'used', 'expired',
    'screened_out', 'refused', 'declined', 'lapsed', 'revoked', 'cleared'])[value + 1];
create function clearance_name(value smallint) returns text language sql immutable parallel safe return
  (array['none', 'approved', 'denied', 'delegated', 'unknown'])[value + 1];
create function redemption_name(value smallint) returns text language sql immutable parallel safe return
  (array['none', 'queued', 'told'])[value + 1];

-- A packed column with the changes laid over it that no bulk writer has folded yet. Laid over packed,
-- because a join would compare each member with each change.
create function laid_over(packed bytea, p_fact text, p_campaign int, p_batch int, p_folded bigint)
  returns bytea language plpgsql stable parallel safe as $$
declare
  -- Unpacked from where large values are kept, once for all the elements that are read from it.
  v_laid bytea := packed || ''::bytea;
  v_change record;
begin
  for v_change in
    select position, value from change
    where campaign = p_campaign and batch = p_batch and seq > p_folded and fact = p_fact
    order by seq
  loop
    v_laid := set_byte(v_laid, v_change.position - 1, v_change.value);
  end loop;
  return v_laid;
end $$;

-- The three facts of every assignment as numbers: what counts read. A column is unpacked once a batch
-- (offset 0 keeps the inner select apart), not once an element.
create view fact as
select b.campaign, b.number as batch, p.place as position,
  fact_at(k.state, p.place) as state, fact_at(k.clearance, p.place) as clearance,
  fact_at(k.redemption, p.place) as redemption, fact_at(k.leads, p.place) = 1 as leads
from batch b
cross join lateral (
  select b.leads || ''::bytea as leads,
    laid_over(b.state, 'state', b.campaign, b.number, b.folded) as state,
    laid_over(b.clearance, 'clearance', b.campaign, b.number, b.folded) as clearance,
    laid_over(b.redemption, 'redemption', b.campaign, b.number, b.folded) as redemption offset 0) k
cross join lateral generate_series(1, b.size) as p(place);

-- Everything of every assignment, as plain rows: what reports and invariants read. The columns are
-- laid side by side; joining them by position would compare each element with each other one.
create view member as
select b.campaign, b.number as batch, e.place::int as position, e.customer,
  c.codes[place_at(k.code, e.place::int)] as code, action_at(k.action, e.place::int) as action,
  state_name(fact_at(k.state, e.place::int)) as state,
  clearance_name(fact_at(k.clearance, e.place::int)) as clearance,
  redemption_name(fact_at(k.redemption, e.place::int)) as redemption,
  coalesce(k.said ->> e.place::text, b.reasons[place_at(k.reason, e.place::int)]) as reason,
  case when place_at(k.reward, e.place::int) > 0
    then b.rewards -> (place_at(k.reward, e.place::int) - 1) end as rewards,
  nullif(e.unique_code, '') as unique_code
from batch b
join campaign c on c.ref = b.campaign
cross join lateral (
  select b.code || ''::bytea as code, b.reason || ''::bytea as reason, b.reward || ''::bytea as reward,
    b.action || ''::bytea as action,
    laid_over(b.state, 'state', b.campaign, b.number, b.folded) as state,
    laid_over(b.clearance, 'clearance', b.campaign, b.number, b.folded) as clearance,
    laid_over(b.redemption, 'redemption', b.campaign, b.number, b.folded) as redemption,
    -- Of equal names the last one stays.
    (select jsonb_object_agg(h.position, h.reason order by h.seq) from change h
      where h.campaign = b.campaign and h.batch = b.number and h.seq > b.folded
        and h.reason is not null) as said offset 0) k
cross join lateral unnest(string_to_array(b.customers, chr(31)),
    string_to_array(b.unique_codes, chr(31)))
  with ordinality as e(customer, unique_code, place);
