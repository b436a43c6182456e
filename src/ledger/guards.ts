import type pg from 'pg';
import { type Held, holdAlert } from '../domain/alert.ts';
import { states } from '../domain/assignment.ts';
import { type AlertHouse, raiseAlert } from './alerts.ts';
import type { CampaignRow } from './campaigns.ts';
import { lockCampaign, transaction } from './pool.ts';
import { holdCampaign } from './standing.ts';
import { onlyRow, tenantRef } from './tenants.ts';

/** What a guard has held a campaign for: after the release it does not hold for the same again. */
export interface Released {
  /** Customers. */
  audience?: number;
  /** By reward type, what was to be given in all. */
  rewards?: Record<string, number>;
  /** Promo codes that Promotions did not know. */
  codes?: string[];
}

/** What guards have held a campaign for, and a person has released; nothing while it is held. */
export async function releasedOf(pool: pg.Pool, campaign: number): Promise<Released> {
  const found = await pool.query<{ released: Released }>(
    `select case when held is null then let_pass else '{}' end as released
     from campaign where ref = $1`,
    [campaign],
  );
  return onlyRow(found).released;
}

/**
 * A guard holds a campaign for a person, notes what for, and says so. Where another guard holds it
 * already, that one is released first, and this one holds then.
 */
export async function holdByGuard(
  house: AlertHouse,
  campaign: Pick<CampaignRow, 'ref' | 'tenant' | 'campaignId' | 'instants'>,
  reason: string,
  heldFor: Released,
): Promise<void> {
  const { ref, instants } = campaign;
  if (!(await holdCampaign(house.pool, ref, reason))) return;
  // A process that dies here only costs a second release; the watch finds a hold nobody told of.
  const held = await transaction(house.pool, async (connection) => {
    await lockCampaign(connection, ref);
    const known = await connection.query<{ letPass: Released; held: Held | null }>(
      'select let_pass as "letPass", held from campaign where ref = $1',
      [ref],
    );
    const row = onlyRow(known);
    const letPass = JSON.stringify(added(row.letPass, heldFor));
    await connection.query('update campaign set let_pass = $2 where ref = $1', [ref, letPass]);
    return row.held;
  });
  if (held) await raiseAlert(house, holdAlert(campaign, held, instants?.stop));
}

function added(before: Released, more: Released): Released {
  return {
    ...before,
    ...more,
    rewards: { ...before.rewards, ...more.rewards },
    codes: [...new Set([...(before.codes ?? []), ...(more.codes ?? [])])],
  };
}

/** What a batch is about to give, by reward type. Written before its first allocation begins. */
export async function rememberRewardSum(
  pool: pg.Pool,
  batch: { campaign: number; number: number },
  sums: ReadonlyMap<string, number>,
): Promise<void> {
  await pool.query(
    `insert into reward_sum (campaign, batch, reward_type, amount)
     select $1, $2, type, amount from unnest($3::text[], $4::numeric[]) as s(type, amount)
     on conflict (campaign, reward_type, batch) do update set amount = excluded.amount`,
    [batch.campaign, batch.number, [...sums.keys()], [...sums.values()]],
  );
}

export interface RewardTotal {
  rewardTypeId: string;
  total: number;
  /** The limit, and what was released on top of it. */
  ceiling: number;
}

/** The reward types of which a campaign is about to give more than it may. */
export async function exceededTotals(pool: pg.Pool, campaign: number): Promise<RewardTotal[]> {
  const found = await pool.query<RewardTotal>(
    `select reward_type as "rewardTypeId", total::float8 as total, ceiling::float8 as ceiling
     from reward_totals($1) where total > ceiling order by reward_type`,
    [campaign],
  );
  return found.rows;
}

/** States in which a customer was given the reward, whatever became of it later. */
const given = (['allocated', 'used', 'expired'] as const).map((state) => states.indexOf(state));

/**
 * Of these customers and codes, those who were given the same code by another campaign of the tenant
 * within so many days, by the ledger's own assignments. What was taken back does not count.
 */
export async function givenBefore(
  pool: pg.Pool,
  of: { tenant: string; campaign: number; days: number },
  asked: readonly { customerId: string; promoCode: string }[],
): Promise<{ customerId: string; promoCode: string }[]> {
  if (asked.length === 0) return [];
  const found = await pool.query<{ customerId: string; promoCode: string }>({
    name: 'given_before',
    text: givenBeforeStatement,
    values: [
      ...[await tenantRef(pool, of.tenant), of.campaign, of.days],
      ...[asked.map((one) => one.customerId), asked.map((one) => one.promoCode), given],
    ],
  });
  return found.rows;
}

// The keys are asked campaign by campaign, each customer at its place in the index; a batch's states
// are unpacked once, however many of its members are hits.
const givenBeforeStatement = `
with asked as materialized (
  select customer, code, md5(customer)::uuid as hash
  from unnest($4::text[], $5::text[]) as a(customer, code)
), recent as materialized (
  select c.ref, k.code, k.place::smallint as place
  from campaign c cross join lateral unnest(c.codes) with ordinality as k(code, place)
  where c.tenant = $1 and c.ref <> $2 and c.collected_at is not null
    and (c.kind = 'triggered' or coalesce(c.deadline, c.opened_at) > now() - $3 * interval '1 day')
    and k.code = any ((select array_agg(distinct code) from asked)::text[])
), hits as materialized (
  select a.customer, a.code, s.campaign, s.batch, s.position
  from recent r join asked a on a.code = r.code
  cross join lateral (
    select campaign, batch, position from assignment
    where campaign = r.ref and customer = a.hash and code = r.place limit 1) s
), facts as materialized (
  select b.campaign, b.number, laid_over(b.state, 'state', b.campaign, b.number, b.folded) as state
  from (select distinct campaign, batch from hits) h
  join batch b on b.campaign = h.campaign and b.number = h.batch
  where exists (select from effect e where e.campaign = b.campaign and e.batch = b.number
    and e.kind = 'allocate' and coalesce(e.answered, e.begun) > now() - $3 * interval '1 day')
)
select distinct h.customer as "customerId", h.code as "promoCode"
from hits h join facts f on f.campaign = h.campaign and f.number = h.batch
where fact_at(f.state, h.position) = any ($6::smallint[])`;
