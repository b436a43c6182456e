-- The life of one effect: begin writes down what is about to be done, settle what became of it.

create table effect (
  id bigint generated always as identity primary key,
  campaign int not null references campaign,
  batch int not null,
  kind text not null,
  epoch int not null,
  key text not null,
  hash text not null,
  -- Positions in the batch, from 1.
  members int4multirange not null,
  -- What could vary from one building of the body to the next, fixed at the first.
  kept jsonb not null,
  attempts int not null default 1,
  -- An earlier attempt was never answered: that this one was not sent does not undo it.
  may_have_arrived boolean not null default false,
  begun timestamptz not null,
  alive_until timestamptz not null,
  -- Null while unanswered; not_sent and refused may be begun again under the same key.
  outcome text check (outcome in ('done', 'refused', 'not_sent', 'given_up')),
  answered timestamptz,
  detail text,
  slot bigint,
  -- What the platform calls each gift, a line a member, and whose lines they are.
  "references" text,
  referenced int4multirange,
  unique (campaign, key)
);
alter table effect alter column "references" set storage external;
create index effect_batch on effect (campaign, batch);
create index effect_open on effect (campaign) where outcome is null;

-- The line of a member among members, from 1.
create function place_in(members int4multirange, place int) returns int language sql immutable parallel safe
  return (select sum(least(upper(r), place + 1) - lower(r))::int from unnest(members) r
    where lower(r) <= place);

-- Until when an effect of a kind may begin, for each way a campaign can stand; all that apply must
-- admit. The same table as in the domain; a test compares the two.
create table admission (
  kind text not null,
  standing text not null check (standing in ('open', 'held', 'halted', 'operator', 'deleted')),
  until text not null check (until in ('never', 'stop', 'last_report', 'ever')),
  primary key (kind, standing)
);
insert into admission (kind, standing, until) values
  ('validate', 'open', 'stop'), ('validate', 'held', 'never'), ('validate', 'halted', 'never'),
  ('validate', 'operator', 'never'), ('validate', 'deleted', 'never'),
  ('allocate', 'open', 'stop'), ('allocate', 'held', 'never'), ('allocate', 'halted', 'never'),
  ('allocate', 'operator', 'never'), ('allocate', 'deleted', 'never'),
  ('upload', 'open', 'stop'), ('upload', 'held', 'never'), ('upload', 'halted', 'never'),
  ('upload', 'operator', 'never'), ('upload', 'deleted', 'never'),
  ('approve', 'open', 'stop'), ('approve', 'held', 'never'), ('approve', 'halted', 'never'),
  ('approve', 'operator', 'never'), ('approve', 'deleted', 'never'),
  ('repeat', 'open', 'last_report'), ('repeat', 'held', 'ever'), ('repeat', 'halted', 'never'),
  ('repeat', 'operator', 'never'), ('repeat', 'deleted', 'never'),
  ('deny', 'open', 'last_report'), ('deny', 'held', 'ever'), ('deny', 'halted', 'never'),
  ('deny', 'operator', 'ever'), ('deny', 'deleted', 'never'),
  ('redeem', 'open', 'ever'), ('redeem', 'held', 'ever'), ('redeem', 'halted', 'never'),
  ('redeem', 'operator', 'never'), ('redeem', 'deleted', 'never'),
  ('revoke', 'open', 'ever'), ('revoke', 'held', 'ever'), ('revoke', 'halted', 'ever'),
  ('revoke', 'operator', 'ever'), ('revoke', 'deleted', 'ever');

-- Until when an effect of this kind may begin for a campaign, by all that stands against it now.
create function admitted_until(p_kind text, p_campaign int) returns timestamptz language sql stable return (
  select min(case a.until
    when 'never' then '-infinity'
    when 'stop' then coalesce(c.stop, '-infinity')
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

-- Begins one effect, or says why not; never waits for anything but a short lock.
--
-- verdict: begun | wait (no slot yet: come back after wait_ms) | alive (an earlier attempt may still
-- be on the wire: come back after wait_ms) | done (it was settled before) | stale (a member changed
-- since the body was built) | superseded (a newer attempt or a revocation has the batch) | open_report
-- (an earlier report of a member is unanswered) | fenced | held | halted | late.
--
-- The locks come first and the questions in later statements, so that each question sees what was
-- committed while a lock was waited for. Order everywhere: tenant, campaign, batch, limiter.
create function begin_effect(
  p_campaign int, p_batch int, p_kind text, p_epoch int, p_key text, p_hash text,
  p_members int4multirange, p_kept jsonb, p_token int, p_change bigint, p_alive_ms int,
  p_bucket text, p_requests int, p_window_ms int, p_spaced boolean, p_process uuid, p_class text,
  p_deadline timestamptz, p_stage int,
  out verdict text, out effect bigint, out slot bigint, out wait_ms int
) language plpgsql as $$
declare
  v_tenant int;
  v_token int;
  v_now timestamptz;
  v_until timestamptz;
  v_waits boolean;
  v_found record;
begin
  select tenant into v_tenant from campaign where ref = p_campaign;
  perform pg_advisory_xact_lock_shared(1, v_tenant);
  perform pg_advisory_xact_lock_shared(2, p_campaign);
  select token into v_token from batch where campaign = p_campaign and number = p_batch for share;

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

  v_until := admitted_until(p_kind, p_campaign);
  if v_now >= v_until then
    select case
      when c.fence is not null then 'fenced'
      when t.halted is not null then 'halted'
      when c.held is not null or t.held is not null then 'held'
      else 'late' end
    into verdict from campaign c join tenant t on t.ref = c.tenant where c.ref = p_campaign;
    return;
  end if;
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
