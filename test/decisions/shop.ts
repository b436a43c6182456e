import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { z } from 'zod';
import { batchActivities } from '../../src/activities/batch.ts';
import { campaignActivities } from '../../src/activities/campaign.ts';
import { upkeepActivities } from '../../src/activities/upkeep.ts';
import type { Plan } from '../../src/domain/campaign.ts';
import { claimedRecipe } from '../../src/domain/flow.ts';
import { acme, type Doors, openDoors } from '../gateway/doors.ts';
import type { TestLedger } from '../ledger/ledger.ts';
import { row } from '../ledger/ledger.ts';
import { openBatch } from '../stages/batch.ts';

export const shopKey = 'key-of-the-shop';

const answerShape = z.looseObject({
  status: z.union([z.string(), z.number()]),
  reason: z.string().optional(),
  rewards: z.array(z.looseObject({ rewardTypeId: z.string(), value: z.number() })).optional(),
  code: z.string().optional(),
  expiresAt: z.string().optional(),
});

export interface Click {
  claimId?: string;
  customerId?: string;
  promoCode?: string;
  sessionProperties?: Record<string, unknown>;
}

export interface Options {
  customers?: string[];
  codes?: string[];
  plan?: Partial<Plan>;
  reportStatus?: 'always' | 'off';
  /** Before its execution. */
  isEarly?: boolean;
  withoutPromotions?: boolean;
}

const minuteMs = 60_000;

/**
 * A scheduled campaign whose screened audience was approved, after its execution, and gateways at which the
 * tenant's shop claims.
 */
export async function openShop(ledger: TestLedger, options: Options = {}) {
  const { customers = ['ann', 'bob', 'cleo'], codes = ['SPINS'], withoutPromotions } = options;
  const { pool } = ledger;
  const id = { tenant: `t-${randomUUID()}`, campaignId: String(Math.floor(Math.random() * 1e9)) };
  const batch = await openBatch(
    ledger,
    customers.map((customer) => row(customer, ...codes)),
    {
      id,
      plan: {
        recipe: claimedRecipe,
        claims: {
          recipe: withoutPromotions ? ['allocate'] : ['validate', 'allocate'],
          reportStatus: options.reportStatus ?? 'always',
        },
        redeemEveryMs: 0,
        ...options.plan,
      },
    },
  );
  const { ref, far, house } = batch;
  far.rules.deniedBy.set('denied', 'self_excluded');
  await batch.walk('screen', 'report');
  if (!options.isEarly) await passDeadline();

  async function passDeadline(): Promise<void> {
    await pool.query(
      `update campaign set deadline = clock_timestamp() - interval '45 minutes',
         stop = clock_timestamp() - interval '46 minutes',
         last_report = clock_timestamp() - interval '45 minutes 1 second' where ref = $1`,
      [ref],
    );
    await pool.query(
      `update effect set begun = begun - interval '2 hours', answered = answered - interval '2 hours',
         alive_until = alive_until - interval '2 hours' where campaign = $1`,
      [ref],
    );
  }

  const settings = {
    ...acme({ apiKeys: [shopKey], scheduled: { activation: 'claimed' } }),
    tenant: id.tenant,
  };
  const world = withoutPromotions ? { ...far.world, promotions: undefined } : far.world;
  const opened: Doors[] = [];
  async function open(url = ledger.url): Promise<Doors> {
    const doors = await openDoors({
      tenants: new Map([[id.tenant, settings]]),
      databaseUrl: url,
      worlds: new Map([[id.tenant, world]]),
    });
    opened.push(doors);
    return doors;
  }
  const first = await open();

  async function claim(click: Click | string = {}, doors: Doors = first) {
    const {
      claimId = randomUUID(),
      customerId = 'ann',
      ...more
    } = typeof click === 'string' ? { customerId: click } : click;
    const answer = await doors.post(
      `/claims/${id.tenant}`,
      JSON.stringify({ claimId, customerId, campaignId: id.campaignId, ...more }),
      { authorization: `Bearer ${shopKey}`, 'content-type': 'application/json' },
    );
    return { http: answer.status, ...answerShape.parse(await answer.json()) };
  }

  const upkeep = upkeepActivities(house);
  const run = <T>(work: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(work);

  return {
    ...{ ...id, ref, far, house, first, open, claim, passDeadline, minuteMs },
    tenantId: id,
    /** The end of the run: what nobody decided lapses, and the summary is written. */
    async close(): Promise<void> {
      const { lapse, closeCampaign } = campaignActivities(house);
      await lapse({ ref, reason: 'failed' });
      await closeCampaign({ ref, reason: 'decided' });
    },
    /** What a worker does for the tenant's debts, once. */
    async settle(): Promise<void> {
      const owed = await upkeep.debts({ tenant: id.tenant });
      for (const debt of owed.pools) await run(() => upkeep.settlePool(debt));
      for (const debt of owed.redemptions) await run(() => upkeep.redeemBatch(debt));
    },
    /** Confirmations wait a little, so that many go together; here they need not. */
    async hurry(): Promise<void> {
      await pool.query(
        'update batch set confirm_at = clock_timestamp() where campaign = $1 and confirm_at is not null',
        [ref],
      );
    },
    async takeBack(reason: 'expired' | 'canceled'): Promise<void> {
      const { batchesToRevoke, revokeBatch } = batchActivities(house);
      for (const number of await batchesToRevoke({ ref, reason })) {
        await run(() => revokeBatch({ ref, batch: number, reason }));
      }
    },
    async members() {
      const found = await pool.query<{
        customer: string;
        code: string;
        state: string;
        clearance: string;
        redemption: string;
        reason: string | null;
      }>(
        `select customer, code, state, clearance, redemption, reason from member
         where campaign = $1 and state <> 'moved' order by customer, code`,
        [ref],
      );
      return found.rows;
    },
    /** Keys that the platform holds something for. */
    held: () =>
      [...far.allocations].flatMap(([key, status]) => (status === 'allocated' ? [key] : [])),
    key: (customer: string, code = 'SPINS') => `${id.campaignId}/${customer}/${code}/0`,
    async closeDoors() {
      for (const doors of opened) await doors.close();
    },
  };
}

export type Shop = Awaited<ReturnType<typeof openShop>>;
