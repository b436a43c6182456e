import type pg from 'pg';
import {
  type Clearance,
  clearances,
  type Fact,
  type Redemption,
  redemptions,
  type State,
  states,
} from '../domain/assignment.ts';
import type { Reward } from '../domain/words.ts';
import { type ChangeLine, type EffectLine, type Moment, momentsOf } from './moments.ts';

/** One customer's assignment, as it stands and how it came there. */
export interface Timeline {
  campaignId: string;
  customerId: string;
  promoCode: string;
  instance: number;
  state: State;
  clearance: Clearance;
  redemption: Redemption;
  reason: string | null;
  rewards: Reward[];
  /** The platform's own name of what it gave. */
  reference: string | null;
  moments: Moment[];
}

/** Where an assignment lives, with its elements of the batch's arrays. */
export interface Place {
  ref: number;
  campaignId: string;
  collectedAt: number | null;
  closedAt: number | null;
  batch: number;
  position: number;
  /** Where it lived before its customer claimed. */
  fromBatch: number | null;
  fromPosition: number | null;
  instance: number;
  customerId: string;
  promoCode: string;
  state: number;
  clearance: number;
  redemption: number;
  reason: string | null;
  rewards: Reward[] | null;
  uniqueCodes: string | null;
  reference: string | null;
  folded: string;
}

const places = `
  select c.ref, c.id as "campaignId",
    round(extract(epoch from c.collected_at) * 1000)::float8 as "collectedAt",
    round(extract(epoch from c.closed_at) * 1000)::float8 as "closedAt",
    a.batch, a.position, a.from_batch as "fromBatch", a.from_position as "fromPosition", a.instance,
    line_at(b.customers, a.position) as "customerId",
    c.codes[place_at(b.code, a.position)] as "promoCode", fact_at(b.state, a.position) as state,
    fact_at(b.clearance, a.position) as clearance, fact_at(b.redemption, a.position) as redemption,
    b.reasons[place_at(b.reason, a.position)] as reason,
    case when place_at(b.reward, a.position) > 0
      then b.rewards -> (place_at(b.reward, a.position) - 1) end as rewards,
    line_at(b.unique_codes, a.position) as "uniqueCodes",
    (select line_at(e."references", place_in(e.referenced, a.position)) from effect e
      where e.campaign = b.campaign and e.batch = b.number and e.referenced @> a.position
      order by e.id desc limit 1) as reference, b.folded
  from tenant t
  join campaign c on c.tenant = t.ref
  join assignment a on a.campaign = c.ref and a.customer = md5($2)::uuid
  join batch b on b.campaign = a.campaign and b.number = a.batch
  where t.name = $1 and ($3::text is null or c.id = $3) and line_at(b.customers, a.position) = $2
  order by c.recorded_at, c.ref, a.batch, a.position`;

/**
 * Everything the ledger knows of one customer: found by the assignment's key, read from the batch's
 * elements, the effects whose members include it, and the changes of it alone.
 */
export async function timeline(
  pool: pg.Pool,
  customer: { tenant: string; customerId: string; campaignId?: string | undefined },
): Promise<Timeline[]> {
  const found = await pool.query<Place>(places, [
    customer.tenant,
    customer.customerId,
    customer.campaignId ?? null,
  ]);
  return Promise.all(found.rows.map((place) => lay(pool, place)));
}

async function lay(pool: pg.Pool, place: Place): Promise<Timeline> {
  const [effects, changes] = await Promise.all([effectsOf(pool, place), changesOf(pool, place)]);
  const values: Record<Fact, number> = {
    state: place.state,
    clearance: place.clearance,
    redemption: place.redemption,
  };
  let { reason } = place;
  for (const change of changes) {
    // That it moved is part of the story, and no state of where it lives now.
    if (change.batch !== place.batch || BigInt(change.seq) <= BigInt(place.folded)) continue;
    values[change.fact] = change.value;
    reason = change.reason ?? reason;
  }
  const { campaignId, customerId, promoCode, instance, reference } = place;
  const facts = {
    state: valueAt<State>(states, values.state),
    clearance: valueAt<Clearance>(clearances, values.clearance),
    redemption: valueAt<Redemption>(redemptions, values.redemption),
    reason,
    rewards: rewardsOf(place),
    reference,
  };
  const moments = momentsOf(place, facts, effects, changes);
  return { campaignId, customerId, promoCode, instance, ...facts, moments };
}

async function effectsOf(pool: pg.Pool, place: Place): Promise<EffectLine[]> {
  const found = await pool.query<EffectLine>(
    `select kind, attempts, outcome, detail, kept ->> 'reason' as reason,
       (kept ->> 'approved')::int4multirange @> $3::int as approved,
       round(extract(epoch from begun) * 1000)::float8 as "begunAt",
       round(extract(epoch from answered) * 1000)::float8 as "answeredAt"
     from effect where campaign = $1 and (batch = $2 and members @> $3::int
       or batch = $4 and members @> $5::int) order by begun, id`,
    [place.ref, place.batch, place.position, place.fromBatch, place.fromPosition],
  );
  return found.rows;
}

async function changesOf(pool: pg.Pool, place: Place): Promise<ChangeLine[]> {
  const found = await pool.query<ChangeLine>(
    `select seq, batch, fact, value, cause, reason, round(extract(epoch from at) * 1000)::float8 as at
     from change where campaign = $1 and (batch = $2 and position = $3
       or batch = $4 and position = $5) order by seq`,
    [place.ref, place.batch, place.position, place.fromBatch, place.fromPosition],
  );
  return found.rows;
}

/** Unique codes stand apart, a line each, in the order of the rewards that have one. */
function rewardsOf({ rewards, uniqueCodes }: Place): Reward[] {
  const codes = uniqueCodes?.split('\n') ?? [];
  return (rewards ?? []).map((reward) =>
    reward.code === undefined ? reward : { ...reward, code: codes.shift() ?? '' },
  );
}

function valueAt<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined)
    throw new Error(`The ledger holds ${index}, which this version cannot name`);
  return value;
}
