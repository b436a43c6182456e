import type pg from 'pg';
import { positionsOf } from './positions.ts';

/** What the far sides say of the members of one batch, as positions; undefined where they were not asked. */
export interface BatchEvidence {
  sent: ReadonlySet<number>;
  awarded: ReadonlySet<number> | undefined;
  ended: ReadonlySet<number> | undefined;
  /** Whom the platform was ever asked to give something, and of whom a call may be on the wire now. */
  asked: ReadonlySet<number>;
  alive: ReadonlySet<number>;
  used: ReadonlySet<number>;
  /** Given by two calls, or standing elsewhere under the same key; held elsewhere under another. */
  oneKey: ReadonlySet<number>;
  twoKeys: ReadonlySet<number>;
  /** A gateway, or settlement, is at work on it. */
  isBusy: boolean;
  /** How long ago its rewards have ended, milliseconds; negative while that is to come. */
  endedAgoMs: number;
  deadlineAgoMs: number;
  isSentKnown: boolean;
}

/** Undefined where the evidence is another run's by now. */
export async function evidenceOf(
  pool: pg.Pool,
  { campaign, batch, run }: { campaign: number; batch: number; run: string },
): Promise<BatchEvidence | undefined> {
  const found = await pool.query<EvidenceRow>({
    name: 'evidence_of',
    text: evidenceStatement,
    values: [campaign, batch, run],
  });
  const [row] = found.rows;
  if (!row) return undefined;
  const { isBusy, endedAgoMs, deadlineAgoMs, isSentKnown } = row;
  return {
    sent: setOf(row.sent),
    awarded: row.awarded === null ? undefined : setOf(row.awarded),
    ended: row.ended === null ? undefined : setOf(row.ended),
    asked: setOf(row.asked),
    alive: setOf(row.alive),
    used: setOf(row.used),
    oneKey: setOf(row.oneKey),
    twoKeys: setOf(row.twoKeys),
    ...{ isBusy, isSentKnown },
    endedAgoMs: endedAgoMs ?? -Infinity,
    deadlineAgoMs: deadlineAgoMs ?? -Infinity,
  };
}

interface EvidenceRow
  extends Record<'sent' | 'awarded' | 'ended' | 'asked' | 'alive' | 'used', string | null> {
  oneKey: string | null;
  twoKeys: string | null;
  isBusy: boolean;
  endedAgoMs: number | null;
  deadlineAgoMs: number | null;
  isSentKnown: boolean;
}

function setOf(multirange: string | null): ReadonlySet<number> {
  return new Set(positionsOf(multirange ?? ''));
}

const membersOfEffects = (which: string): string => `(
  select range_agg(r)::text from effect x cross join lateral unnest(x.members) r
  where x.campaign = b.campaign and x.batch = b.number and ${which})`;

// Whoever moved to the pool of a claim lives there; the key says where.
const evidenceStatement = `
  with keys as materialized (
    select m.position::int as position, a.instance < m.instance and exists (
        select from batch o where o.campaign = $1 and o.number = a.batch and state_name(
          fact_now(o.state, 'state', $1, a.batch, a.position, o.folded)) in ('allocated', 'used')) as is_second,
      a.instance = m.instance and (a.batch, a.position) <> ($2, m.position) as is_elsewhere
    from (select b.code || ''::bytea as code, b.instance, b.customers from batch b
      where b.campaign = $1 and b.number = $2 offset 0) b
    cross join lateral (
      select u.customer, u.position, place_at(b.code, u.position::int) as code,
        case when b.instance is null then 0 else place_at(b.instance, u.position::int) end as instance
      from unnest(string_to_array(b.customers, chr(31))) with ordinality as u(customer, position)) m
    join assignment a on a.campaign = $1 and a.customer = md5(m.customer)::uuid and a.code = m.code
      and a.instance <= m.instance
  ), twice as (
    select unnest(one.members * two.members) as r from effect one join effect two
      on two.campaign = one.campaign and two.batch = one.batch and two.id > one.id
      and two.kind = 'allocate' and two.outcome = 'done' and two.members && one.members
      and coalesce(two.detail, '') <> 'recovered by reading'
    where one.campaign = $1 and one.batch = $2 and one.kind = 'allocate' and one.outcome = 'done'
      and coalesce(one.detail, '') <> 'recovered by reading'
    union all
    select int4range(position, position + 1) from keys where is_elsewhere
  )
  select (e.sent + coalesce(b.sent, '{}'))::text as sent, e.awarded::text as awarded,
    e.ended::text as ended,
    ${membersOfEffects(`x.kind in ('allocate', 'restore')`)} as asked,
    ${membersOfEffects(`x.kind in ('allocate', 'restore', 'revoke')
      and x.outcome is null and x.alive_until > clock_timestamp()`)} as alive,
    (select range_agg(int4range(u.position, u.position + 1))::text from use u
      where u.campaign = b.campaign and u.batch = b.number) as used,
    (select range_agg(r)::text from twice) as "oneKey",
    (select range_agg(int4range(position, position + 1))::text from keys where is_second) as "twoKeys",
    b.suppressions_due or b.claimed_until is not null and not b.finished as "isBusy",
    round(extract(epoch from clock_timestamp() - coalesce(b.expires_at, c.expires_at)) * 1000)::float8
      as "endedAgoMs",
    round(extract(epoch from clock_timestamp() - c.deadline) * 1000)::float8 as "deadlineAgoMs",
    c.sent_known_at is not null as "isSentKnown"
  from evidence e
  join campaign c on c.ref = e.campaign
  join batch b on b.campaign = e.campaign and b.number = e.batch
  where e.campaign = $1 and e.batch = $2 and e.run = $3`;
