import { MockActivityEnvironment } from '@temporalio/testing';
import { executionActivities } from '../../src/activities/executions.ts';
import { fulfilmentActivities } from '../../src/activities/fulfilment.ts';
import type { Activated } from '../../src/activities/house.ts';
import type { CampaignDetails } from '../../src/domain/campaign.ts';
import type { TenantSettings } from '../../src/domain/tenant.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import type { AudienceRow, AwardsPage, ExecutedCampaign, World } from '../../src/world.ts';
import type { TestLedger } from '../ledger/ledger.ts';
import { createFarSides } from '../stages/far-sides.ts';

const silent = {
  log: () => {},
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** Everything of a channel that was sent; `scheduledAt` is what its rows say. */
export interface Sending {
  rows: AudienceRow[];
  scheduledAt?: number;
}

type Award = AwardsPage['awards'][number];

/** What Optimove and Promotions tell once a campaign was sent; a test changes it while it plays. */
export interface Told {
  /** By channel; the empty one where none is named. */
  sent: Map<string, Sending>;
  details: CampaignDetails;
  executed: ExecutedCampaign[];
  awards: Award[];
  /** By promocode id the code of it, for what is asked one by one. */
  codes: Map<string, string>;
  /** Called before each reading, with its name; may throw in its place. */
  before(reading: string): void | Promise<void>;
}

/** The activities of what follows on a sending, before far sides that tell what a test says. */
export function openReading(
  ledger: TestLedger,
  tenant: string,
  settings: TenantSettings | undefined = undefined,
) {
  const told: Told = {
    sent: new Map(),
    details: { channelIds: ['504'], durationDays: 7 },
    executed: [],
    awards: [],
    codes: new Map(),
    before: () => {},
  };
  /** Each reading, with what was asked. */
  const asked: string[] = [];
  const warnings: string[] = [];
  const { world } = createFarSides();

  async function read<T>(reading: string, answer: () => T): Promise<T> {
    asked.push(reading);
    await told.before(reading);
    return answer();
  }

  const far: World = {
    ...world,
    optimove: {
      ...world.optimove,
      campaignDetails: () => read('details', () => told.details),
      executedCampaigns: (date) => read(`executed ${date}`, () => told.executed),
      executedCustomers: ({ channelId = '', skip, top }) =>
        read(`sent ${channelId || 'all'} ${skip}`, () => {
          const { rows = [], scheduledAt } = told.sent.get(channelId) ?? {};
          const page = rows.slice(skip, skip + top);
          return {
            ...{ rows: page, length: page.length, controls: 0, malformed: 0 },
            scheduledAt: page.length > 0 ? scheduledAt : undefined,
          };
        }),
    },
    promotions: {
      ...world.promotions,
      awards: ({ skip, take }) =>
        read(`awards ${skip}`, () => {
          const page = told.awards.slice(skip, skip + take);
          return { awards: page, length: page.length };
        }),
      codeOf: (promocodeId) => read(`code ${promocodeId}`, () => told.codes.get(promocodeId)),
    },
  };
  const house: Activated = {
    pool: ledger.pool,
    turns: createTurns({ pool: ledger.pool }),
    log: { info: () => {}, warn: (_, message) => void warnings.push(message), error: () => {} },
    metrics: { turnCame: () => {}, effectEnded: () => {} },
    worlds: new Map([[tenant, far]]),
    tenants: new Map(settings ? [[tenant, settings]] : []),
    kickSettlement: () => {},
  };
  const activities = { ...fulfilmentActivities(house), ...executionActivities(house) };

  /** One attempt of an activity. */
  function run<I, O>(activity: (input: I) => Promise<O>, input: I): Promise<O> {
    return new MockActivityEnvironment({}, { logger: silent }).run(activity, input);
  }

  return { told, asked, warnings, activities, run };
}
