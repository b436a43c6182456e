import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { instantsOf, type Plan } from '../../src/domain/campaign.ts';
import type { CampaignId } from '../../src/domain/words.ts';
import { cutAudience } from '../../src/ledger/audience.ts';
import { findCampaign, openCampaign, startRunning } from '../../src/ledger/campaigns.ts';
import { stagePage } from '../../src/ledger/pages.ts';
import { createPool } from '../../src/ledger/pool.ts';
import { announce } from '../../src/ledger/standing.ts';
import type { AudienceRow } from '../../src/world.ts';
import { createDatabase } from '../database.ts';

/** An empty ledger with a pool; `connect` opens another one, for a process of its own. */
export async function openLedger(size = 20) {
  const database = await createDatabase();
  const pools: pg.Pool[] = [];
  const connect = (own = size): pg.Pool => {
    const pool = createPool(database.url, own);
    pools.push(pool);
    return pool;
  };
  return {
    pool: connect(),
    url: database.url,
    connect,
    async close() {
      await Promise.all(pools.filter((pool) => !pool.ended).map((pool) => pool.end()));
      await database.drop();
    },
  };
}

export type TestLedger = Awaited<ReturnType<typeof openLedger>>;

export const plan: Plan = {
  flow: 'managed',
  notSent: 'list',
  recipe: ['screen', 'validate', 'allocate', 'report', 'redeem'],
  codes: 'all',
  clearanceMarginMs: 30_000,
  executionDelayMs: 1_800_000,
  redeemEveryMs: 60_000,
  lanes: 8,
  pageSize: 10_000,
  limits: { maxAudience: 2_000_000, onlyCustomers: [] },
  durationDays: 7,
};

/** One row of an audience. */
export function row(customerId: string, ...promoCodes: string[]): AudienceRow {
  return { customerId, actionId: '2', promoCodes };
}

/** `count` customers with one code each. */
export function rowsOf(count: number, code = 'SPINS'): AudienceRow[] {
  return Array.from({ length: count }, (_, index) => row(`c${index + 1}`, code));
}

/** Stages rows as one page. */
export async function stage(
  pool: pg.Pool,
  ref: number,
  rows: AudienceRow[],
  place: { sweep?: number; number?: number; controls?: number; malformed?: number } = {},
): Promise<void> {
  const { sweep = 1, number = 0, controls = 0, malformed = 0 } = place;
  const length = rows.length + controls + malformed;
  await stagePage(pool, ref, sweep, number, { rows, length, controls, malformed });
}

/** An announced and opened campaign of a tenant of its own. */
export async function openedCampaign(
  pool: pg.Pool,
  given: { plan?: Partial<Plan>; deadlineInMs?: number; id?: CampaignId } = {},
): Promise<{ ref: number; id: CampaignId }> {
  const id = given.id ?? { tenant: `t-${randomUUID()}`, campaignId: '4711' };
  const rules = { ...plan, ...given.plan };
  await announce(pool, id, {
    announcedAt: Date.now(),
    durationDays: 7,
    instants: instantsOf(Date.now() + (given.deadlineInMs ?? 3_600_000), rules),
    problem: undefined,
  });
  await openCampaign(pool, id, rules);
  const campaign = await findCampaign(pool, id);
  if (!campaign) throw new Error('the campaign was announced');
  return { ref: campaign.ref, id };
}

/** A running campaign whose audience has been cut. */
export async function runningCampaign(
  pool: pg.Pool,
  rows: AudienceRow[],
  given: Parameters<typeof openedCampaign>[1] = {},
): Promise<{ ref: number; id: CampaignId }> {
  const campaign = await openedCampaign(pool, given);
  await stage(pool, campaign.ref, rows);
  await cutAudience(pool, campaign.ref);
  await startRunning(pool, campaign.ref);
  return campaign;
}
