import type pg from 'pg';
import type { Instants } from '../domain/campaign.ts';
import type { Stage } from '../domain/flow.ts';
import { type Pace, type PacedKind, pacedKinds, type Work } from '../domain/forecast.ts';
import type { Connection } from './pool.ts';

/** How fast a campaign goes is told by this many of its latest answers, none older than this. */
const recentCalls = 100;
const recentMs = 300_000;

/** Of more open campaigns than this, those with the earliest deadlines are told. */
const mostCampaigns = 200;

/**
 * How far the open campaigns of these tenants have come and how fast they go, by deadline. Campaigns
 * without a usable deadline, fenced or closed ones have no pace. One statement; it reads effects and
 * batches, never their members.
 */
export async function pacesOf(
  pool: pg.Pool | Connection,
  tenants: readonly string[],
): Promise<Pace[]> {
  const found = await pool.query<PaceRow>({
    name: 'paces_of',
    text: statement,
    values: [tenants, pacedKinds, recentCalls, recentMs, mostCampaigns],
  });
  return found.rows.map(({ standsStill, customers, work, ...row }) => ({
    ...row,
    standsStill: standsStill ?? undefined,
    customers: customers ?? undefined,
    work: work ?? {},
  }));
}

interface PaceRow extends Omit<Pace, 'standsStill' | 'customers' | 'work'> {
  instants: Instants;
  recipe: Stage[];
  standsStill: 'held' | 'halted' | null;
  customers: number | null;
  work: Partial<Record<PacedKind, Work>> | null;
}

// A batch of several calls of a kind is as far as the last member asked about; where a later kind has
// been asked, nothing of an earlier one is left.
const statement = `
with open as (
  select c.ref, c.epoch, c.details, c.plan, c.deadline, c.stop, c.last_report, c.id, t.name,
    case when t.halted is not null then 'halted'
      when c.held is not null or t.held is not null then 'held' end as stands_still,
    clock_timestamp() as now
  from campaign c join tenant t on t.ref = c.tenant
  where t.name = any ($1) and c.phase not in ('executed', 'closed') and c.fence is null and c.deadline is not null
    and (c.phase <> 'announced' or c.problem is null and c.stop > clock_timestamp())
  order by c.deadline, c.ref limit $5
), answered as (
  select e.campaign, e.batch, e.kind, array_position($2::text[], e.kind) as place, e.begun, e.answered,
    b.size, b.finished, case when not b.finished then upper(e.members) - 1 end as reached
  from open o join effect e on e.campaign = o.ref and e.epoch = o.epoch
  join batch b on b.campaign = e.campaign and b.number = e.batch
  where e.kind = any ($2) and e.outcome in ('done', 'refused')
), touched as (
  select campaign, batch, kind, place, finished, size, count(*) as calls, max(reached) as reached,
    max(place) over (partition by campaign, batch) as furthest
  from answered group by campaign, batch, kind, place, finished, size
), judged as (
  select campaign, kind, finished, calls,
    case when finished or calls = 1 or place < furthest then calls
      else calls * size / greatest(reached, 1)::float8 end as expected
  from touched
), work as (
  select campaign, kind, avg(expected)::float8 as per_batch,
    (count(*) filter (where not finished))::int as begun,
    coalesce(sum(expected - calls) filter (where not finished), 0)::float8 as calls_left
  from judged group by campaign, kind
)
select o.name as tenant, o.id as "campaignId", round(extract(epoch from o.now) * 1000)::float8 as at,
  jsonb_build_object('deadline', round(extract(epoch from o.deadline) * 1000),
    'stop', round(extract(epoch from o.stop) * 1000),
    'lastReport', round(extract(epoch from o.last_report) * 1000)) as instants,
  coalesce(o.plan -> 'recipe', '[]') as recipe, o.stands_still as "standsStill",
  coalesce(b.customers, (o.details ->> 'targeted')::int) as customers,
  coalesce(b.finished_customers, 0) as "finishedCustomers", b.batches, b.finished as "finishedBatches",
  (select jsonb_object_agg(w.kind, jsonb_build_object('callsPerBatch', w.per_batch,
    'begunBatches', w.begun, 'callsLeft', w.calls_left)) from work w where w.campaign = o.ref) as work,
  jsonb_build_object('calls', r.calls, 'ms',
    coalesce(extract(epoch from o.now - r.since) * 1000, 0)) as recent
from open o
cross join lateral (
  select count(*)::int as batches, (count(*) filter (where finished))::int as finished,
    sum(people)::int as customers, (sum(people) filter (where finished))::int as finished_customers
  from batch where campaign = o.ref) b
cross join lateral (
  select count(*)::int as calls, min(l.begun) as since from (
    select a.begun from answered a
    where a.campaign = o.ref and a.answered > o.now - $4::int * interval '1 ms'
    order by a.answered desc limit $3) l) r
order by o.deadline, o.ref`;
