import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { z } from 'zod';
import type { TenantSettings } from '../../src/domain/tenant.ts';
import type { CampaignRow } from '../../src/ledger/campaigns.ts';
import { findCampaign } from '../../src/ledger/campaigns.ts';
import type { World } from '../../src/world.ts';
import { acme, type Doors, openDoors, token } from '../gateway/doors.ts';
import type { TestLedger } from '../ledger/ledger.ts';
import { createFarSides } from '../stages/far-sides.ts';

/** By which the tenant's shop claims, where its section names it. */
export const shopKey = 'key-of-the-shop';

const claimShape = z.looseObject({ status: z.unknown(), reason: z.string().optional() });

export interface Click {
  customerId?: string;
  claimId?: string;
  doors?: Doors;
}

const answerShape = z.object({ user_id: z.string(), allowed: z.boolean() });

export interface Question {
  user?: string;
  isVisitor?: boolean;
  codes?: string[] | null;
  /** Laid over the campaign of the check. */
  campaign?: Record<string, unknown>;
}

export interface Answer {
  status: number;
  user_id: string;
  allowed: boolean;
}

export interface Options {
  triggered?: Record<string, unknown>;
  /** Laid over the tenant's section. */
  tenant?: Record<string, unknown>;
  /** The far sides as this test has them. */
  world?(world: World): World;
  withoutPromotions?: boolean;
}

/**
 * A tenant `acme` whose gates stand on one ledger, before far sides that the test plays with. A campaign
 * of its own for each test, so that a file may share the ledger.
 */
export async function openGate(ledger: TestLedger, options: Options = {}) {
  const far = createFarSides();
  far.rules.deniedBy.clear();
  const plain: World = { ...far.world, platform: { ...far.world.platform, screening: false } };
  const own = options.world?.(plain) ?? plain;
  const world = options.withoutPromotions ? { ...own, promotions: undefined } : own;
  const campaignId = String(100_000 + Math.floor(Math.random() * 900_000));
  const settings = settingsOf(options);
  const tenant = settings.tenant;
  const opened: Doors[] = [];

  async function open(url = ledger.url): Promise<Doors> {
    const doors = await openDoors({
      tenants: new Map([[tenant, settings]]),
      databaseUrl: url,
      worlds: new Map([[tenant, world]]),
    });
    opened.push(doors);
    return doors;
  }

  const first = await open();

  async function ask(question: Question | string = {}, doors: Doors = first): Promise<Answer> {
    const {
      user = randomUUID(),
      isVisitor = false,
      codes = ['SPINS'],
      campaign = {},
    } = typeof question === 'string' ? { user: question } : question;
    const body = {
      user: { user_id: user, is_visitor: isVisitor },
      campaign: {
        id: campaignId,
        series_id: 4021,
        notes: 'vip only',
        tags: ['vip'],
        action: {
          id: 77,
          name: 'Boost',
          promo_codes: codes,
          channels: [
            { id: 611, name: 'Inbox', brand_id: 'b1', templates: [{ id: 14, name: 'x' }] },
          ],
        },
        ...campaign,
      },
    };
    const answer = await doors.post(`/gate/${tenant}/${token}`, JSON.stringify(body));
    return { status: answer.status, ...answerShape.parse(await answer.json()) };
  }

  async function claim({ customerId = 'ann', claimId = randomUUID(), doors = first }: Click = {}) {
    const answer = await doors.post(
      `/claims/${tenant}`,
      JSON.stringify({ claimId, customerId, campaignId }),
      { authorization: `Bearer ${shopKey}`, 'content-type': 'application/json' },
    );
    return claimShape.parse(await answer.json());
  }

  const { pool } = ledger;
  return {
    ...{ far, world, tenant, settings, campaignId, first, open, ask, claim, pool },
    /** The answers of these customers, asked at once. */
    askAll: (users: readonly string[], doors?: Doors) =>
      Promise.all(users.map(async (user) => (await ask(user, doors)).allowed)),
    campaign: (): Promise<CampaignRow | undefined> => findCampaign(pool, { tenant, campaignId }),
    /** The answers in the ledger, with their reasons, in the order in which they were asked for. */
    answers: () => answersIn(pool, tenant, campaignId),
    members: () => membersIn(pool, tenant, campaignId),
    /** Keys that the platform holds something for. */
    held: () =>
      [...far.allocations].flatMap(([key, status]) => (status === 'allocated' ? [key] : [])),
    key: (user: string, code = 'SPINS', instance = 0) =>
      `${campaignId}/${user}/${code}/${instance}`,
    async close() {
      for (const doors of opened) await doors.close();
    },
  };
}

export type TestGate = Awaited<ReturnType<typeof openGate>>;

function settingsOf({ triggered, tenant, withoutPromotions }: Options): TenantSettings {
  const promotions = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k', sharesOptimoveLimit: true };
  const settings = acme({
    triggered: { ...triggered },
    ...(!withoutPromotions && { promotions }),
    ...tenant,
  });
  // Tests share a ledger, and each has its own tenant there.
  return { ...settings, tenant: `t-${randomUUID()}` };
}

async function answersIn(pool: pg.Pool, tenant: string, campaignId: string) {
  const found = await pool.query<{
    instance: number;
    answer: boolean | null;
    reason: string | null;
  }>(
    `select a.instance, a.answer, a.reason from answer a join campaign c on c.ref = a.campaign
     join tenant t on t.ref = c.tenant where t.name = $1 and c.id = $2 order by a.asked_at, a.instance`,
    [tenant, campaignId],
  );
  return found.rows;
}

async function membersIn(pool: pg.Pool, tenant: string, campaignId: string) {
  const found = await pool.query<{
    customer: string;
    code: string;
    state: string;
    clearance: string;
    reason: string | null;
  }>(
    `select m.customer, m.code, m.state, m.clearance, m.reason from member m
     join campaign c on c.ref = m.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2 order by m.batch, m.position`,
    [tenant, campaignId],
  );
  return found.rows;
}
