-- Claims: a customer who was told of a reward asks for it. A pool of claims is a batch; the assignments of
-- its customers move there, and the places that they left are marked.

create or replace function state_name(value smallint) returns text language sql immutable parallel safe return
  (array['targeted', 'screened', 'validated', 'published', 'allocated', 'used', 'expired',
    'screened_out', 'refused', 'declined', 'lapsed', 'revoked', 'cleared', 'moved'])[value + 1];

-- A confirmation tells again what was told before the deadline; it needs nobody's stop.
insert into admission (kind, standing, until) values
  ('confirm', 'open', 'ever'), ('confirm', 'held', 'ever'), ('confirm', 'halted', 'never'),
  ('confirm', 'operator', 'never'), ('confirm', 'deleted', 'never');

alter table batch
  -- A pool of claims; until then its gateway brings them to their end, from then on settlement does.
  add column claimed_until timestamptz,
  -- From then on Optimove is told who has claimed; null: nobody is to be confirmed, or all are.
  add column confirm_at timestamptz;
create index batch_claims on batch (claimed_until) where claimed_until is not null and not finished;
create index batch_confirms on batch (campaign, confirm_at) where confirm_at is not null;

-- Pools stand in scheduled campaigns, too, whose own batches are numbered from 1.
alter sequence pool_number minvalue 1000000 start with 1000000 restart with 1000000;

-- Where the assignment of a claim came from: what happened to it there is its history, too.
alter table assignment add column from_batch int, add column from_position int;

-- Claims ask for the last change of one place, among as many of its batch as customers have claimed.
create index change_place on change (campaign, batch, position, seq);

-- One element of a packed column, with the changes of its place laid over.
create function fact_now(packed bytea, p_fact text, p_campaign int, p_batch int, p_position int, p_folded bigint)
  returns smallint language sql stable parallel safe return coalesce(
    (select h.value from change h where h.campaign = p_campaign and h.batch = p_batch
      and h.position = p_position and h.fact = p_fact and h.seq > p_folded order by h.seq desc limit 1),
    fact_at(packed, p_position));

-- Opens a pool of claims: its customers' assignments move to a new batch, and its first effect begins, all
-- at once. An element of each list is a member. With no slot nothing is written.
--
-- verdict: begun | wait | stale (a place has changed, or its customer was suppressed: look again) | fenced |
-- held | halted | late.
--
-- The places' batches are locked in their order, so that two pools never wait for each other in a ring, and
-- whoever moves a place holds its batch.
create function open_claims(
  p_campaign int, p_number int, p_customers text[], p_codes smallint[], p_instances smallint[],
  p_batches int[], p_places int[], p_said jsonb, p_claimed_ms int, p_expires_at timestamptz,
  p_kind text, p_epoch int, p_key text, p_hash text, p_kept jsonb, p_alive_ms int,
  p_positions int4multirange,
  p_bucket text, p_requests int, p_window_ms int, p_spaced boolean, p_process uuid, p_class text,
  p_deadline timestamptz, p_stage int,
  out verdict text, out effect bigint, out slot bigint, out wait_ms int
) language plpgsql as $$
declare
  v_tenant int;
  v_now timestamptz;
begin
  select tenant into v_tenant from campaign where ref = p_campaign;
  perform pg_advisory_xact_lock_shared(1, v_tenant);
  perform pg_advisory_xact_lock_shared(2, p_campaign);
  if clock_timestamp() >= admitted_until(p_kind, p_campaign, p_expires_at) then
    verdict := refused_because(p_campaign); return;
  end if;
  perform from batch b where b.campaign = p_campaign and b.number = any (p_batches)
  order by b.number for no key update;
  if exists (
    select from unnest(p_customers, p_codes, p_instances, p_batches, p_places)
      as m(customer, code, instance, batch, place)
    left join assignment a on a.campaign = p_campaign and a.customer = md5(m.customer)::uuid
      and a.code = m.code and a.instance = m.instance and a.batch = m.batch and a.position = m.place
    left join batch b on b.campaign = a.campaign and b.number = a.batch
    left join suppression s on s.tenant = v_tenant and s.customer = m.customer
    where a.batch is null or s.customer is not null
      or state_name(fact_now(b.state, 'state', p_campaign, m.batch, m.place, b.folded)) <> 'screened'
      or clearance_name(fact_now(b.clearance, 'clearance', p_campaign, m.batch, m.place, b.folded))
        <> 'approved'
  ) then
    verdict := 'stale'; return;
  end if;
  if p_bucket is not null then
    select t.slot, t.wait_ms into slot, wait_ms from take_slot(
      p_bucket, p_requests, p_window_ms, p_spaced, p_process, p_class, p_deadline, p_stage) t;
    if slot is null then verdict := 'wait'; return; end if;
  end if;

  v_now := clock_timestamp();
  -- Its people were counted where they came from.
  insert into batch (campaign, number, size, people, due, said, expires_at, claimed_until, customers, action,
    code, leads, instance, state, clearance, redemption, reason)
  select p_campaign, p_number, count(*), 0, p_expires_at, p_said, p_expires_at,
    v_now + p_claimed_ms * interval '1 ms',
    string_agg(m.customer, chr(31) order by m.number),
    string_agg(substring(b.action from 4 * m.place - 3 for 4), ''::bytea order by m.number),
    string_agg(int2send(m.code), ''::bytea order by m.number),
    string_agg(substring(b.leads from m.place for 1), ''::bytea order by m.number),
    string_agg(int2send(m.instance), ''::bytea order by m.number),
    string_agg('\x01'::bytea, ''::bytea), string_agg('\x01'::bytea, ''::bytea),
    string_agg('\x00'::bytea, ''::bytea), string_agg('\x0000'::bytea, ''::bytea)
  from unnest(p_customers, p_codes, p_instances, p_batches, p_places) with ordinality
    as m(customer, code, instance, batch, place, number)
  join batch b on b.campaign = p_campaign and b.number = m.batch;
  update assignment a set batch = p_number, position = m.number, from_batch = m.batch, from_position = m.place
  from unnest(p_customers, p_codes, p_instances, p_batches, p_places) with ordinality
    as m(customer, code, instance, batch, place, number)
  where a.campaign = p_campaign and a.customer = md5(m.customer)::uuid and a.code = m.code
    and a.instance = m.instance;
  insert into change (campaign, batch, position, fact, value, cause)
  select p_campaign, m.batch, m.place, 'state', 13, 'moved' from unnest(p_batches, p_places) as m(batch, place);
  insert into effect (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until, slot)
  values (p_campaign, p_number, p_kind, p_epoch, p_key, p_hash, p_positions, p_kept, v_now,
    v_now + p_alive_ms * interval '1 ms', slot)
  returning id into effect;
  verdict := 'begun';
end $$;
