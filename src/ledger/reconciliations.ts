import type pg from 'pg';
import type { Acting } from '../domain/act.ts';
import { endOf } from './campaigns.ts';
import { onlyRow, tenantRef } from './tenants.ts';

// The runs that hold the far sides against the ledger.

/** What a run is about: one campaign, or all of a day of the tenant's calendar. */
export type Subject = { campaignId: string; date?: never } | { date: string; campaignId?: never };

export function nameOf(subject: Subject): string {
  return subject.campaignId ?? subject.date;
}

export interface RunStart {
  tenant: string;
  timeZone: string;
  subject: Subject;
  run: string;
  repairing: Acting | undefined;
  isNightly: boolean;
  /** What Optimove says that it has sent that day. */
  executed: readonly string[];
}

const inDay = (instant: string): string =>
  `(${instant} >= $2::date::timestamp at time zone $3 and ${instant} < ($2::date + 1)::timestamp at time zone $3)`;

/** Its books are closed: no run writes them any more, nor does a cancellation. */
const isOver = `c.phase = 'closed' and (c.fence is null or c.summary ->> 'reason' = $5::jsonb ->> c.fence)`;

const campaignsOfDay = `
  select c.ref, ${isOver} as over from campaign c
  where c.tenant = $1 and c.kind = 'scheduled' and c.plan is not null and c.plan ->> 'flow' <> 'shadow'
    and (c.id = any ($4) or ${inDay('c.deadline')} or ${inDay('c.expires_at')}
      or exists (select from fulfilment f where f.campaign = c.ref
        and (${inDay('f.told_at')} or ${inDay('f.closed_at')} or ${inDay('f.ends_at')})))
  order by c.ref`;

const oneCampaign = `
  select c.ref, ${isOver} as over from campaign c
  where c.tenant = $1 and c.kind = 'scheduled' and c.plan is not null and c.id = any ($4)
    and $2::date is null and $3::text is not null`;

/** Begins a run, and finds its campaigns. Repeated by the same run, it changes nothing. */
export async function beginReconciliation(pool: pg.Pool, start: RunStart): Promise<number[]> {
  const { subject, run, repairing, isNightly, timeZone } = start;
  const tenant = await tenantRef(pool, start.tenant);
  const known = await pool.query<{ campaigns: number[] }>(
    'select campaigns from reconciliation where tenant = $1 and run = $2',
    [tenant, run],
  );
  if (known.rows[0]) return known.rows[0].campaigns;
  const names = subject.date === undefined ? [subject.campaignId] : start.executed;
  const found = await pool.query<{ ref: number; over: boolean }>(
    subject.date === undefined ? oneCampaign : campaignsOfDay,
    [tenant, subject.date ?? null, timeZone, names, JSON.stringify(endOf)],
  );
  const campaigns = found.rows.flatMap(({ ref, over }) => (over ? [ref] : []));
  const counted = await pool.query<{ known: number }>(
    'select count(*)::int as known from campaign where tenant = $1 and id = any ($2)',
    [tenant, names],
  );
  await pool.query(
    `insert into reconciliation as r (tenant, subject, run, repairing, is_nightly, campaigns, unfinished, strange)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (tenant, subject) do update set run = excluded.run, repairing = excluded.repairing,
       is_nightly = r.is_nightly or excluded.is_nightly, begun_at = clock_timestamp(), ended_at = null,
       campaigns = excluded.campaigns, unfinished = excluded.unfinished, strange = excluded.strange,
       unlisted = 0, problems = '{}'`,
    [
      ...[tenant, nameOf(subject), run, repairing ? JSON.stringify(repairing) : null, isNightly],
      ...[campaigns, found.rows.length - campaigns.length],
      new Set(names).size - onlyRow(counted).known,
    ],
  );
  return campaigns;
}

/** Of a run's campaigns those of which something ended that day, or does within a day of it. */
export async function endingThatDay(
  pool: pg.Pool,
  campaigns: readonly number[],
  { date, timeZone }: { date: string; timeZone: string },
): Promise<number[]> {
  const within = (instant: string): string =>
    `(${instant} >= ($2::date)::timestamp at time zone $3
      and ${instant} < ($2::date + 2)::timestamp at time zone $3)`;
  const found = await pool.query<{ ref: number }>(
    `select c.ref from campaign c where c.ref = any ($1)
       and (${within('c.expires_at')} or exists (
         select from batch b where b.campaign = c.ref and ${within('b.expires_at')}))
     order by c.ref`,
    [campaigns, date, timeZone],
  );
  return found.rows.map(({ ref }) => ref);
}

/** The days on which what a campaign gives began, a day's play on either side, as numbers like 20261120. */
export async function begunAround(
  pool: pg.Pool,
  campaign: number,
  timeZone: string,
): Promise<{ from: number; to: number }> {
  const found = await pool.query<{ from: number; to: number }>(
    `select to_char(min(begun.at) - interval '1 day', 'YYYYMMDD')::int as "from",
       to_char(max(begun.at) + interval '1 day', 'YYYYMMDD')::int as "to"
     from (
       select deadline at time zone $2 as at from campaign where ref = $1
       union all
       select coalesce(scheduled_at, told_at) at time zone $2 from fulfilment where campaign = $1) begun`,
    [campaign, timeZone],
  );
  return onlyRow(found);
}

/** What a run could not look at; it goes on with the rest. */
export async function noteProblem(pool: pg.Pool, run: string, problem: string): Promise<void> {
  await pool.query(
    `update reconciliation set problems = problems || $2::text
     where run = $1 and $2 <> all (problems) and cardinality(problems) < 100`,
    [run, problem],
  );
}

export async function noteUnlisted(pool: pg.Pool, run: string, customers: number): Promise<void> {
  await pool.query('update reconciliation set unlisted = $2 where run = $1', [run, customers]);
}

export async function endReconciliation(pool: pg.Pool, run: string): Promise<void> {
  await pool.query(
    'update reconciliation set ended_at = coalesce(ended_at, clock_timestamp()) where run = $1',
    [run],
  );
}

/** A run as it stands; instants in epoch milliseconds. */
export interface RunRow {
  run: string;
  campaigns: number[];
  repairs: boolean;
  begunAt: number;
  endedAt: number | null;
  unfinished: number;
  strange: number;
  unlisted: number;
  problems: string[];
  /** Batches with evidence, and those that were looked at. */
  batches: number;
  lookedAt: number;
}

/** The latest run over a campaign, or a day; undefined where there was none. */
export async function findReconciliation(
  pool: pg.Pool,
  tenant: string,
  subject: string,
): Promise<RunRow | undefined> {
  const found = await pool.query<RunRow>(
    `select r.run, r.campaigns, r.repairing is not null as repairs,
       round(extract(epoch from r.begun_at) * 1000)::float8 as "begunAt",
       round(extract(epoch from r.ended_at) * 1000)::float8 as "endedAt",
       r.unfinished, r.strange, r.unlisted, r.problems,
       (select count(*)::int from evidence e where e.run = r.run and e.campaign = any (r.campaigns)) as batches,
       (select count(*)::int from evidence e where e.run = r.run and e.campaign = any (r.campaigns)
         and e.looked_at is not null) as "lookedAt"
     from reconciliation r join tenant t on t.ref = r.tenant
     where t.name = $1 and r.subject = $2`,
    [tenant, subject],
  );
  return found.rows[0];
}
