-- Triggered campaigns: what checks were answered, and the pools of checks, which are batches.

-- A triggered campaign is made at its first check: it has a plan, but no instants and no run.
alter table campaign add column kind text not null default 'scheduled'
  check (kind in ('scheduled', 'triggered'));

alter table batch
  -- A pool of checks has its own stop: nothing of it begins from here on, and no answer becomes true.
  add column due timestamptz,
  -- What the checks said of the campaign: told to the platform, in each repeat the same.
  add column said jsonb,
  -- Which trigger of its customer each assignment is about, two bytes each; absent: all the first.
  add column instance bytea,
  -- When what a pool gives ends; a scheduled campaign has one end for all.
  add column expires_at timestamptz;

-- Pools that have not come to their end: settlement looks for those whose time is over.
create index batch_undecided on batch (due) where due is not null and not finished;
-- A triggered campaign has many small batches, few of which have anything queued.
create index batch_redemptions on batch (campaign) where redemptions_due_at is not null;

-- Pools of all campaigns are numbered by one sequence, in blocks, so that none waits for another.
create sequence pool_number as int increment by 64;

-- One row a trigger: the answer that every repeat hears. Where the reward lives is in `assignment`.
create table answer (
  campaign int not null,
  customer uuid not null,
  instance smallint not null,
  asked_at timestamptz not null default clock_timestamp(),
  -- From here on it can only become false.
  due timestamptz not null,
  answer boolean,
  reason text,
  answered_at timestamptz,
  primary key (campaign, customer, instance)
) with (fillfactor = 80);
create index answer_open on answer (due) where answer is null;

-- Until when an effect of this kind may begin for a campaign, by all that stands against it now; a
-- pool of checks has its own due instead of the campaign's stop.
drop function admitted_until(text, int);
create function admitted_until(p_kind text, p_campaign int, p_due timestamptz default null)
  returns timestamptz language sql stable return (
  select min(case a.until
    when 'never' then '-infinity'
    when 'stop' then coalesce(p_due, c.stop, '-infinity')
    when 'last_report' then coalesce(c.last_report, '-infinity')
    else 'infinity' end)
  from campaign c
  join tenant t on t.ref = c.tenant
  join admission a on a.kind = p_kind and (
    a.standing = 'open'
    or a.standing = 'held' and (c.held is not null or t.held is not null)
    or a.standing = 'halted' and t.halted is not null
    or a.standing = c.fence)
  where c.ref = p_campaign
);

-- In which word an effect is told that it may not begin.
create function refused_because(p_campaign int) returns text language sql stable return (
  select case
    when c.fence is not null then 'fenced'
    when t.halted is not null then 'halted'
    when c.held is not null or t.held is not null then 'held'
    else 'late' end
  from campaign c join tenant t on t.ref = c.tenant where c.ref = p_campaign
);

-- Begins one effect, or says why not; never waits for anything but a short lock.
--
-- verdict: begun | wait (no slot yet: come back after wait_ms) | alive (an earlier attempt may still
-- be on the wire: come back after wait_ms) | done (it was settled before) | stale (a member changed
-- since the body was built) | superseded (a newer attempt or a revocation has the batch) | open_report
-- (an earlier report of a member is unanswered) | fenced | held | halted | late.
--
-- The locks come first and the questions in later statements, so that each question sees what was
-- committed while a lock was waited for. Order everywhere: tenant, campaign, batch, limiter.
create or replace function begin_effect(
  p_campaign int, p_batch int, p_kind text, p_epoch int, p_key text, p_hash text,
  p_members int4multirange, p_kept jsonb, p_token int, p_change bigint, p_alive_ms int,
  p_bucket text, p_requests int, p_window_ms int, p_spaced boolean, p_process uuid, p_class text,
  p_deadline timestamptz, p_stage int,
  out verdict text, out effect bigint, out slot bigint, out wait_ms int
) language plpgsql as $$
declare
  v_tenant int;
  v_token int;
  v_due timestamptz;
  v_now timestamptz;
  v_until timestamptz;
  v_waits boolean;
  v_found record;
begin
  select tenant into v_tenant from campaign where ref = p_campaign;
  perform pg_advisory_xact_lock_shared(1, v_tenant);
  perform pg_advisory_xact_lock_shared(2, p_campaign);
  select token, due into v_token, v_due from batch where campaign = p_campaign and number = p_batch for share;

  select * into v_found from effect e where e.campaign = p_campaign and e.key = p_key for update;
  v_now := clock_timestamp();
  if v_found.id is not null then
    effect := v_found.id;
    -- What was refused did nothing: whoever died before halving it, or was told to wait, asks again.
    if v_found.outcome in ('done', 'given_up') then
      verdict := 'done'; return;
    end if;
    -- A body that was never sent may be built anew; one that may have arrived is that body for ever.
    if v_found.outcome is null and v_found.hash <> p_hash then
      raise exception 'effect % was begun with another body', p_key using errcode = 'PF001';
    end if;
  end if;

  v_until := admitted_until(p_kind, p_campaign, v_due);
  if v_now >= v_until then verdict := refused_because(p_campaign); return; end if;
  if v_token is distinct from p_token then verdict := 'superseded'; return; end if;
  -- The guard of the reward total: who is told so sets the hold.
  if p_kind = 'allocate'
    and exists (select from reward_totals(p_campaign) r where r.total > r.ceiling) then
    verdict := 'held'; return;
  end if;
  if exists (select from change c
    where c.campaign = p_campaign and c.batch = p_batch and c.seq > p_change) then
    verdict := 'stale'; return;
  end if;
  -- What is repeated to the letter under its own key need not wait for a call whose process may have
  -- died: only the newest claim of the batch comes as far as this.
  v_waits := p_kind in ('validate', 'allocate');
  if v_waits and v_found.id is not null and v_found.outcome is null and v_found.alive_until > v_now then
    verdict := 'alive';
    wait_ms := ceil(extract(epoch from v_found.alive_until - v_now) * 1000);
    return;
  end if;
  if p_kind in ('approve', 'deny') and exists (select from effect e
    where e.campaign = p_campaign and e.batch = p_batch and e.kind in ('approve', 'deny')
      and e.outcome is null and e.key <> p_key and e.members && p_members) then
    verdict := 'open_report'; return;
  end if;
  -- Of a report that was repeated, the first copy may still be on the wire: another must not be overtaken.
  select max(e.alive_until) into v_until from effect e
  where p_kind in ('approve', 'deny') and e.campaign = p_campaign and e.batch = p_batch
    and e.kind in ('approve', 'deny') and e.key <> p_key and e.attempts > 1 and e.members && p_members;
  if v_until > v_now then
    verdict := 'alive';
    wait_ms := ceil(extract(epoch from v_until - v_now) * 1000);
    return;
  end if;

  if p_bucket is not null then
    select t.slot, t.wait_ms into slot, wait_ms from take_slot(
      p_bucket, p_requests, p_window_ms, p_spaced, p_process, p_class, p_deadline, p_stage) t;
    if slot is null then verdict := 'wait'; return; end if;
  end if;

  v_now := clock_timestamp();
  insert into effect as e (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until, slot)
  values (p_campaign, p_batch, case p_kind when 'repeat' then 'approve' else p_kind end, p_epoch, p_key,
    p_hash, p_members, p_kept, v_now, v_now + p_alive_ms * interval '1 ms', slot)
  on conflict (campaign, key) do update
    set begun = v_now, alive_until = excluded.alive_until, attempts = e.attempts + 1,
      may_have_arrived = e.may_have_arrived or e.outcome is null, outcome = null, answered = null, slot = excluded.slot, hash = excluded.hash, kept = excluded.kept
    where e.outcome in ('refused', 'not_sent') or e.outcome is null and (e.alive_until <= v_now or not v_waits)
  returning e.id into effect;
  -- Somebody began the same effect while this statement waited for its row.
  if effect is null then verdict := 'alive'; wait_ms := p_alive_ms; return; end if;
  verdict := 'begun';
end $$;

-- Opens a pool of checks: the batch with its members and keys, and its first effect, all at once. With
-- no slot nothing is written, and the pool goes on collecting.
--
-- verdict: begun | opened (no effect was asked for) | wait | fenced | held | halted | late.
--
-- Without an effect it has no due: whoever passed has the answer, and may claim later what it promised.
-- Every customer has one member for each code, side by side, all in the same state. The locks are
-- those of begin_effect and in its order; the batch's row is new, so nobody waits for it.
create function open_pool(
  p_campaign int, p_number int, p_customers text[], p_instances smallint[], p_codes smallint[],
  p_action int, p_state smallint, p_clearance smallint, p_said jsonb, p_due_ms int,
  p_expires_at timestamptz,
  p_kind text, p_epoch int, p_key text, p_hash text, p_kept jsonb, p_alive_ms int,
  p_positions int4multirange,
  p_bucket text, p_requests int, p_window_ms int, p_spaced boolean, p_process uuid, p_class text,
  p_deadline timestamptz, p_stage int,
  out verdict text, out effect bigint, out slot bigint, out wait_ms int
) language plpgsql as $$
declare
  v_tenant int;
  v_now timestamptz;
  v_due timestamptz;
begin
  select tenant into v_tenant from campaign where ref = p_campaign;
  perform pg_advisory_xact_lock_shared(1, v_tenant);
  perform pg_advisory_xact_lock_shared(2, p_campaign);
  v_now := clock_timestamp();
  v_due := v_now + p_due_ms * interval '1 ms';
  -- Whatever gives needs the same word of the ledger: what only answers is admitted as an allocation is.
  if v_now >= admitted_until(coalesce(p_kind, 'allocate'), p_campaign, v_due) then
    verdict := refused_because(p_campaign); return;
  end if;
  if p_bucket is not null then
    select t.slot, t.wait_ms into slot, wait_ms from take_slot(
      p_bucket, p_requests, p_window_ms, p_spaced, p_process, p_class, p_deadline, p_stage) t;
    if slot is null then verdict := 'wait'; return; end if;
  end if;

  insert into batch (campaign, number, size, people, finished, due, said, expires_at, customers, action,
    code, leads, instance, state, clearance, redemption, reason)
  select p_campaign, p_number, count(*), count(*) filter (where c.place = 1), 
    state_name(p_state) = 'cleared', case when p_kind is not null then v_due end,
    p_said, p_expires_at,
    string_agg(m.customer, chr(31) order by m.place, c.place),
    string_agg(int4send(p_action), ''::bytea),
    string_agg(int2send(c.code), ''::bytea order by m.place, c.place),
    string_agg(case c.place when 1 then '\x01'::bytea else '\x00'::bytea end, ''::bytea
      order by m.place, c.place),
    string_agg(int2send(m.instance), ''::bytea order by m.place, c.place),
    string_agg(substring(int2send(p_state) from 2), ''::bytea),
    string_agg(substring(int2send(p_clearance) from 2), ''::bytea),
    string_agg('\x00'::bytea, ''::bytea), string_agg('\x0000'::bytea, ''::bytea)
  from unnest(p_customers, p_instances) with ordinality as m(customer, instance, place)
  cross join unnest(p_codes) with ordinality as c(code, place);
  insert into assignment (campaign, customer, batch, position, code, instance)
  select p_campaign, md5(m.customer)::uuid, p_number,
    ((m.place - 1) * cardinality(p_codes) + c.place)::int, c.code, m.instance
  from unnest(p_customers, p_instances) with ordinality as m(customer, instance, place)
  cross join unnest(p_codes) with ordinality as c(code, place)
  order by 2;
  if p_kind is null then verdict := 'opened'; return; end if;

  v_now := clock_timestamp();
  insert into effect (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until, slot)
  values (p_campaign, p_number, p_kind, p_epoch, p_key, p_hash, p_positions, p_kept, v_now,
    v_now + p_alive_ms * interval '1 ms', slot)
  returning id into effect;
  verdict := 'begun';
end $$;
