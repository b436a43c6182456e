import type pg from 'pg';
import { type Clearance, clearances, type State, states } from '../domain/assignment.ts';
import type { Said } from '../domain/check.ts';
import type { Reward } from '../domain/words.ts';
import type { SlotRequest } from '../world.ts';
import { type Beginning, type BeginningRow, beginningOf, type Intent } from './effects.ts';
import { intentValues, slotValues } from './pools.ts';
import { onlyRow } from './tenants.ts';

// A pool of claims is a batch, to which its customers' assignments move from where they were approved.

/** Where an assignment of a customer lives, and how it stands there. */
export interface Claimable {
  promoCode: string;
  /** The code's place in the campaign. */
  code: number;
  instance: number;
  batch: number;
  position: number;
  actionId: string | undefined;
  state: State;
  clearance: Clearance;
  reason: string | undefined;
  rewards: Reward[];
  /** What its checks said, or its pool of claims; undefined in a scheduled campaign's own batch. */
  said: Said | undefined;
  /** When what is given there ends, epoch milliseconds; undefined in a scheduled campaign's own batch. */
  expiresAt: number | undefined;
  /**
   * What its customer's check was told: `untold`, that a true was written which nobody is known to have been
   * told; `none`, no true. What Optimove announced or executed itself counts as told.
   */
  promise: 'told' | 'untold' | 'none';
  /** It has been claimed before, and lives in a pool of claims. */
  isClaimed: boolean;
  /** Not suppressed since. */
  isSuppressed: boolean;
}

interface PlaceRow {
  place: number;
  promoCode: string;
  code: number;
  instance: number;
  batch: number;
  position: number;
  action: number;
  state: number;
  clearance: number;
  reason: string | null;
  rewards: Reward[] | null;
  uniqueCodes: string | null;
  said: Said | null;
  expiresAt: number | null;
  promise: Claimable['promise'];
  isClaimed: boolean;
  isSuppressed: boolean;
}

/** Where the assignments of these customers live, all instances and codes; in the order asked. */
export async function findClaimable(
  pool: pg.Pool,
  asked: readonly { campaign: number; customerId: string }[],
): Promise<Claimable[][]> {
  const found = await pool.query<PlaceRow>({
    name: 'find_claimable',
    text: findStatement,
    values: [asked.map((one) => one.campaign), asked.map((one) => one.customerId)],
  });
  const places: Claimable[][] = asked.map(() => []);
  for (const row of found.rows) places[row.place - 1]?.push(claimableOf(row));
  return places;
}

/**
 * `offset 0` holds the server to the order that is right however many batches there are: from the customer
 * to his assignments, and from them to their batches. Left to itself it goes through all batches while
 * it knows nothing of a young table, and keeps to it.
 */
const findStatement = `
select w.place::int, c.codes[a.code] as "promoCode", a.code, a.instance, a.batch, a.position,
  action_at(b.action, a.position) as action,
  fact_now(b.state, 'state', a.campaign, a.batch, a.position, b.folded) as state,
  fact_now(b.clearance, 'clearance', a.campaign, a.batch, a.position, b.folded) as clearance,
  coalesce((select h.reason from change h where h.campaign = a.campaign and h.batch = a.batch
      and h.position = a.position and h.seq > b.folded and h.reason is not null
      order by h.seq desc limit 1), b.reasons[place_at(b.reason, a.position)]) as reason,
  case when place_at(b.reward, a.position) > 0
    then b.rewards -> (place_at(b.reward, a.position) - 1) end as rewards,
  line_at(b.unique_codes, a.position) as "uniqueCodes",
  case when b.said is null then null else b.said - 'claims' - 'session' || jsonb_build_object(
    'claims', jsonb_build_object(w.customer, b.said -> 'claims' ->> w.customer)) end as said,
  round(extract(epoch from b.expires_at) * 1000)::float8 as "expiresAt",
  case when c.kind = 'scheduled' or b.grants or b.claimed_until is not null then 'told'
    else coalesce((select case when x.told then 'told' else 'untold' end from answer x
      where x.campaign = a.campaign and x.customer = a.customer and x.instance = a.instance
        and x.answer), 'none') end as promise,
  b.claimed_until is not null as "isClaimed", s.customer is not null as "isSuppressed"
from unnest($1::int[], $2::text[]) with ordinality as w(campaign, customer, place)
cross join lateral (select * from assignment a
  where a.campaign = w.campaign and a.customer = md5(w.customer)::uuid offset 0) a
cross join lateral (select * from batch b
  where b.campaign = a.campaign and b.number = a.batch offset 0) b
join campaign c on c.ref = w.campaign
left join suppression s on s.tenant = c.tenant and s.customer = w.customer
order by w.place, a.code, a.instance`;

function claimableOf(row: PlaceRow): Claimable {
  const { promoCode, code, instance, batch, position, promise, isClaimed, isSuppressed } = row;
  const unique = row.uniqueCodes?.split('\n') ?? [];
  return {
    ...{ promoCode, code, instance, batch, position, promise, isClaimed, isSuppressed },
    actionId: row.action === 0 ? undefined : String(row.action),
    state: valueAt(states, row.state),
    clearance: valueAt(clearances, row.clearance),
    reason: row.reason ?? undefined,
    rewards: (row.rewards ?? []).map((reward) =>
      reward.code === undefined ? reward : { ...reward, code: unique.shift() ?? '' },
    ),
    said: row.said ?? undefined,
    expiresAt: row.expiresAt ?? undefined,
  };
}

function valueAt<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new Error(`The ledger holds ${index}, which has no name here`);
  return value;
}

/** A pool of claims as it is opened: its members in their order, each with the place it comes from. */
export interface NewClaims {
  campaign: number;
  number: number;
  members: readonly {
    customerId: string;
    code: number;
    instance: number;
    batch: number;
    position: number;
  }[];
  said: Said;
  /** How long its gateway brings it to its end itself, milliseconds. */
  leftMs: number;
  /** Nothing of it begins after this, and what it gives ends then; epoch milliseconds. */
  expiresAt: number;
}

/** Moves assignments to a new pool, and begins its first effect; see open_claims in the migrations. */
export async function openClaims(
  pool: pg.Pool,
  opened: NewClaims,
  intent: Intent,
  slot: SlotRequest | undefined,
): Promise<Beginning> {
  const { members } = opened;
  const result = await pool.query<BeginningRow>({
    name: 'open_claims',
    text: `select * from open_claims($1, $2, $3, $4, $5, $6, $7, $8, $9,
      to_timestamp($10::float8 / 1000), $11, $12, $13, $14, $15, $16, $17,
      $18, $19, $20, $21, $22, $23, to_timestamp($24::float8 / 1000), $25)`,
    values: [
      opened.campaign,
      opened.number,
      members.map((one) => one.customerId),
      members.map((one) => one.code),
      members.map((one) => one.instance),
      members.map((one) => one.batch),
      members.map((one) => one.position),
      JSON.stringify(opened.said),
      Math.ceil(opened.leftMs),
      opened.expiresAt,
      ...intentValues(intent),
      ...slotValues(slot),
    ],
  });
  return beginningOf(onlyRow(result));
}
