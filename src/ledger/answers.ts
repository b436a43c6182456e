import type pg from 'pg';
import type { Connection } from './pool.ts';

// One row a trigger of a customer: the answer that every repeat hears, whichever gateway it reaches. An
// answer is given once, by one compare-and-set; it becomes true only before the row's due.

/** A check as it comes to the ledger. */
export interface Arrival {
  campaign: number;
  customerId: string;
  /** How much of its time is left, milliseconds. */
  leftMs: number;
  /** Triggers within this long of the first are one instance. */
  windowMs: number;
  /** A later trigger is answered from the first, too, where that was decided. */
  isOnce: boolean;
}

/**
 * Whether an answer tells nothing of its customer: we were late, busy, held up, or something was away. It
 * stands for its instance, but does not spend the one chance of a customer.
 */
export const isUndecided = (answer: string): string =>
  `coalesce(not ${answer}.answer and split_part(${answer}.reason, ':', 1) in
    ('late', 'shed', 'failed', 'ledger_away', 'held', 'halted'), ${answer}.due < clock_timestamp())`;

/** Why nothing begins for a check that has just come. */
export type Standstill = 'fenced' | 'halted' | 'held' | 'suppressed';

/** What the ledger knows of a check once it is in. */
export interface Known {
  instance: number;
  /** Written now: whoever wrote it brings it to its answer. */
  isFresh: boolean;
  /** Undefined while it is not decided, or a true that nobody is known to have been told. */
  answer: boolean | undefined;
  reason: string | undefined;
  /** How long it may still become true, milliseconds. */
  leftMs: number;
}

/**
 * Takes checks in, in one statement: finds the open instance of each, or begins the next one. What
 * nothing can begin for is answered false at once. In the order given; undefined where somebody else
 * wrote the same instance at the same moment, which another look finds.
 */
export async function takeIn(
  pool: pg.Pool | Connection,
  arrivals: readonly Arrival[],
): Promise<(Known | undefined)[]> {
  const found = await pool.query<{
    place: number;
    instance: number | null;
    isFresh: boolean;
    answer: boolean | null;
    reason: string | null;
    leftMs: number;
  }>({
    name: 'take_in',
    text: takeInStatement,
    values: [
      arrivals.map((one) => one.campaign),
      arrivals.map((one) => one.customerId),
      arrivals.map((one) => Math.max(0, Math.floor(one.leftMs))),
      arrivals.map((one) => one.windowMs),
      arrivals.map((one) => one.isOnce),
    ],
  });
  const known: (Known | undefined)[] = arrivals.map(() => undefined);
  for (const { place, instance, answer, reason, ...facts } of found.rows) {
    if (instance === null) continue;
    known[place - 1] = {
      ...facts,
      instance,
      answer: answer ?? undefined,
      reason: reason ?? undefined,
    };
  }
  return known;
}

// Rows are written in the order of their key, so that no two gateways wait for each other in a ring. They need
// not be on disk before the statement returns: whatever follows on them is committed after them, and so not
// without them. Where a false is answered here and now, nothing follows.
const takeInStatement = `
with asked as (
  select a.*, md5(a.customer)::uuid as hash
  from unnest($1::int[], $2::text[], $3::int[], $4::float8[], $5::boolean[]) with ordinality
    as a(campaign, customer, left_ms, window_ms, is_once, place)
), known as (
  select a.*, l.instance, case when not l.answer or l.told then l.answer end as answer, l.reason, l.due,
    l.instance is null or l.asked_at <= clock_timestamp() - a.window_ms * interval '1 ms'
      and (not a.is_once or ${isUndecided('l')}) as is_next,
    case when c.fence is not null then 'fenced' when t.halted is not null then 'halted'
      when c.held is not null or t.held is not null then 'held'
      when s.customer is not null then 'suppressed' end as standstill
  from asked a
  join campaign c on c.ref = a.campaign
  join tenant t on t.ref = c.tenant
  left join suppression s on s.tenant = c.tenant and s.customer = a.customer
  left join lateral (
    select * from answer x where x.campaign = a.campaign and x.customer = a.hash
    order by x.instance desc limit 1) l on true
), fresh as (
  insert into answer as w (campaign, customer, instance, due, answer, reason, answered_at)
  select campaign, hash, coalesce(instance + 1, 0), clock_timestamp() + left_ms * interval '1 ms',
    case when standstill is not null then false end, standstill,
    case when standstill is not null then clock_timestamp() end
  from known where is_next order by campaign, hash
  on conflict do nothing
  returning w.campaign, w.customer, w.instance, w.answer, w.reason, w.due
), unhurried as materialized (
  select set_config('synchronous_commit', 'off', true)
  where not exists (select from known where is_next and standstill is not null)
)
select k.place::int, f.instance is not null as "isFresh",
  case when f.instance is not null then f.instance when not coalesce(k.is_next, false) then k.instance end
    as instance,
  case when f.instance is not null then f.answer else k.answer end as answer,
  case when f.instance is not null then f.reason else k.reason end as reason,
  extract(epoch from coalesce(f.due, k.due, clock_timestamp()) - clock_timestamp())::float8 * 1000
    as "leftMs"
from known k left join fresh f on f.campaign = k.campaign and f.customer = k.hash
cross join (select count(*) from unhurried) u`;

/** What a process found for one trigger. */
export interface Finding {
  campaign: number;
  customerId: string;
  instance: number;
  allowed: boolean;
  reason: string | undefined;
  /** Told false by whoever may have written a true: it stands, unless that true was told. */
  isTold?: boolean;
}

/** The reason of what cannot be answered, because the ledger does not know it: a crash of it has lost the row. */
export const missing = 'not_in_the_ledger';

/** The answer that stands. */
export interface Answered {
  allowed: boolean;
  reason: string | undefined;
}

/**
 * Answers triggers, each once: the answer that was there before stays, and is returned in the place of
 * what was found. A true counts only before the trigger's due, and only where neither a fence nor a
 * suppression has come meanwhile. Its locks come in their place of the one order: after those of tenant, campaign
 * and inbox, before those of a batch and of the limiter.
 */
export async function answerTriggers(
  connection: pg.Pool | Connection,
  findings: readonly Finding[],
): Promise<Answered[]> {
  const found = await connection.query<{ place: number; answer: boolean; reason: string | null }>({
    name: 'answer_triggers',
    text: answerStatement,
    values: [
      findings.map((one) => one.campaign),
      findings.map((one) => one.customerId),
      findings.map((one) => one.instance),
      findings.map((one) => one.allowed),
      findings.map((one) => one.reason?.replaceAll('\0', ' ') ?? null),
      findings.map((one) => one.isTold ?? false),
    ],
  });
  const answers: Answered[] = findings.map(() => ({ allowed: false, reason: missing }));
  for (const { place, answer, reason } of found.rows) {
    answers[place - 1] = { allowed: answer, reason: reason ?? undefined };
  }
  return answers;
}

// The clock is read when all rows are locked: an answer that waited is judged by the end of the wait. Rows
// are locked in the order of their key, each found by all of it. They are written by their key, too: an
// update that joins would be free to compare each trigger with all of its campaign.
export const answerStatement = `
with found as materialized (
  select w.*, md5(w.customer)::uuid as hash
  from unnest($1::int[], $2::text[], $3::smallint[], $4::boolean[], $5::text[], $6::boolean[])
    with ordinality as w(campaign, customer, instance, allowed, reason, stands, place)
  order by w.campaign, md5(w.customer)::uuid, w.instance
), held as materialized (
  select f.*, a.answer, a.told, a.due, a.reason as earlier
  from found f
  cross join lateral (
    select x.answer, x.told, x.due, x.reason from answer x
    where x.campaign = f.campaign and x.customer = f.hash and x.instance = f.instance
    for no key update) a
), locked as materialized (
  select h.*, case when not h.allowed then null when c.fence is not null then 'fenced'
      when (select true from suppression s where s.tenant = c.tenant and s.customer = h.customer)
        then 'suppressed' end as standstill
  from held h join campaign c on c.ref = h.campaign
), open as (
  select distinct on (campaign, hash, instance) campaign, hash, instance, due, allowed, standstill, reason
  from locked where answer is null or stands and answer and not told
  order by campaign, hash, instance, place
), answered as (
  insert into answer as a (campaign, customer, instance, due, answer, reason, answered_at)
  select campaign, hash, instance, due, v.answer,
    case when o.allowed and not v.answer then coalesce(o.standstill, 'late') else o.reason end,
    clock_timestamp()
  from open o cross join lateral (
    select o.allowed and o.standstill is null and clock_timestamp() < o.due as answer offset 0) v
  on conflict (campaign, customer, instance) do update
    set answer = excluded.answer, reason = excluded.reason, answered_at = excluded.answered_at
  returning a.campaign, a.customer, a.instance, a.answer, a.reason
)
select l.place::int, coalesce(n.answer, l.answer) as answer,
  case when n.answer is not null then n.reason else l.earlier end as reason
from locked l
left join answered n on n.campaign = l.campaign and n.customer = l.hash and n.instance = l.instance`;
