import type pg from 'pg';
import { beginsExecuted, type Plan } from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import type { Fence, Phase } from './campaigns.ts';
import { type Connection, lockCampaign, transaction } from './pool.ts';
import { tenantRef } from './tenants.ts';

// What follows once Optimove has sent a campaign. It tells of each channel apart, and each has a fulfilment.

/** Names a fulfilment; the channel is empty where Optimove named none. */
export interface FulfilmentId extends CampaignId {
  channel: string;
}

/** What became of an execution that was told of: `unheeded` where nothing follows on it. */
export type ExecutionEffect = 'fresh' | 'repeated' | 'fenced' | 'unheeded';

/**
 * Records that Optimove has sent a campaign through a channel. A campaign that nobody announced is made here,
 * and goes by `plan`; without one, nothing follows on it.
 */
export async function recordExecution(
  pool: pg.Pool,
  { tenant, campaignId, channel }: FulfilmentId,
  told: { at: number; plan: Plan | undefined },
): Promise<ExecutionEffect> {
  const ref = await tenantRef(pool, tenant);
  return transaction(pool, async (connection) => {
    if (told.plan) {
      await connection.query(
        `insert into campaign (tenant, id, phase, epoch, plan, opened_at)
         values ($1, $2, 'executed', 1, $3, clock_timestamp()) on conflict do nothing`,
        [ref, campaignId, JSON.stringify(told.plan)],
      );
    }
    const found = await connection.query<{ ref: number; kind: string; fence: Fence | null }>(
      'select ref, kind, fence from campaign where tenant = $1 and id = $2 for update',
      [ref, campaignId],
    );
    const [campaign] = found.rows;
    if (campaign?.kind !== 'scheduled') return 'unheeded';
    if (campaign.fence) return 'fenced';
    const recorded = await connection.query(
      `insert into fulfilment (campaign, channel, number, told_at)
       select $1, $2, coalesce(max(number), 0) + 1, to_timestamp($3::float8 / 1000)
       from fulfilment where campaign = $1
       -- Somebody looked before Optimove had sent anything.
       on conflict (campaign, channel) do update set told_at = excluded.told_at, closed_at = null,
         outcome = null, wakes_at = null where fulfilment.outcome = 'empty'`,
      [campaign.ref, channel, told.at],
    );
    return recorded.rowCount === 1 ? 'fresh' : 'repeated';
  });
}

/** Whether a channel of a campaign has been told of, or all of them at once. */
export async function isHeardOf(pool: pg.Pool, id: FulfilmentId): Promise<boolean> {
  const found = await pool.query(
    `select from fulfilment f join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2 and f.channel = $3 and coalesce(f.outcome, '') <> 'empty'`,
    [id.tenant, id.campaignId, id.channel],
  );
  return found.rowCount === 1;
}

/** What a fulfilment is to do, as the ledger has it. */
export type FulfilmentOpening =
  | { next: 'over'; reason: string }
  /** The campaign's own run has not come to its end yet. */
  | { next: 'wait' }
  | { next: 'confirm' | 'give'; fulfilment: Fulfilment };

export interface Fulfilment {
  ref: number;
  number: number;
  plan: Plan;
  isCollected: boolean;
}

/**
 * Opens a fulfilment for its run; repeated, it goes on where it was. What the publisher was handed becomes the
 * first fulfilment's own.
 */
export async function openFulfilment(pool: pg.Pool, id: FulfilmentId): Promise<FulfilmentOpening> {
  return transaction(pool, async (connection) => {
    const stand = await lockStand(connection, id);
    if (!stand) return { next: 'over', reason: 'unknown' };
    const { ref, number, plan, phase } = stand;
    if (stand.fence) return { next: 'over', reason: 'fenced' };
    if (stand.closed) return { next: 'over', reason: 'closed' };
    if (plan?.flow === 'shadow') return { next: 'over', reason: 'shadow' };
    if (!plan) return stand.isDead ? { next: 'over', reason: 'nobody was approved' } : wait;
    if (phase !== 'closed' && phase !== 'executed') return wait;
    const fulfilment = { ref, number, plan, isCollected: stand.collected };
    if (plan.flow === 'managed') return { next: 'confirm', fulfilment };
    if (!plan.executed) return { next: 'over', reason: 'nothing follows' };
    await connection.query(
      `update campaign set phase = 'executed', closed_at = null where ref = $1 and phase = 'closed'`,
      [ref],
    );
    if (!beginsExecuted(plan)) await adoptPublished(connection, ref, number);
    return { next: 'give', fulfilment };
  });
}

const wait = { next: 'wait' } as const;

interface Stand {
  ref: number;
  number: number;
  plan: Plan | null;
  phase: Phase;
  fence: Fence | null;
  closed: boolean;
  collected: boolean;
  /** It was announced, and no run will ever open it. */
  isDead: boolean;
}

async function lockStand(
  connection: Connection,
  { tenant, campaignId, channel }: FulfilmentId,
): Promise<Stand | undefined> {
  const found = await connection.query<{ ref: number }>(
    'select c.ref from campaign c join tenant t on t.ref = c.tenant where t.name = $1 and c.id = $2',
    [tenant, campaignId],
  );
  const [campaign] = found.rows;
  if (!campaign) return undefined;
  await lockCampaign(connection, campaign.ref);
  const stands = await connection.query<Stand>(
    `select c.ref, f.number, c.plan, c.phase, c.fence, f.closed_at is not null as closed,
       f.collected_at is not null as collected,
       c.problem is not null or coalesce(c.stop <= clock_timestamp(), true) as "isDead"
     from campaign c join fulfilment f on f.campaign = c.ref and f.channel = $2 where c.ref = $1`,
    [campaign.ref, channel],
  );
  return stands.rows[0];
}

/** Whatever was handed to the publisher is walked by the first fulfilment that comes. */
async function adoptPublished(connection: Connection, ref: number, number: number): Promise<void> {
  await connection.query(
    `update batch set fulfilment = $2, finished = false, token = token + 1
     where campaign = $1 and fulfilment is null and claimed_until is null`,
    [ref, number],
  );
}

/** Ends a fulfilment. True when it was the last that was open of its campaign. */
export async function closeFulfilment(
  pool: pg.Pool,
  { ref, number }: Pick<Fulfilment, 'ref' | 'number'>,
  outcome: string,
): Promise<boolean> {
  return transaction(pool, async (connection) => {
    await lockCampaign(connection, ref);
    await connection.query(
      `update fulfilment set closed_at = clock_timestamp(), outcome = $3
       where campaign = $1 and number = $2 and closed_at is null`,
      [ref, number, outcome],
    );
    const left = await connection.query(
      'select from fulfilment where campaign = $1 and closed_at is null limit 1',
      [ref],
    );
    return left.rowCount === 0;
  });
}
