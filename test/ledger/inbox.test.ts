import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RelayDeps, relayDue } from '../../src/gateway/relay.ts';
import { createInbox, type Delivery, type Inbox } from '../../src/ledger/inbox.ts';
import { createPool } from '../../src/ledger/pool.ts';
import { timeline } from '../../src/ledger/timeline.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { decideCampaign } from '../gateway/decided-campaign.ts';
import { acme, eventFive } from '../gateway/doors.ts';

let database: TestDatabase;
let pool: pg.Pool;
let inbox: Inbox;
const never = new AbortController().signal;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 10);
  inbox = createInbox(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  await pool.query('truncate inbox');
});

function due(campaignId: string): Delivery {
  const raw = JSON.stringify(eventFive(campaignId));
  return { tenant: 'acme', raw, type: 5, campaignId, status: 'due', reason: undefined };
}

/** A relay whose process dies at the named step. */
function relayThatDies(at: 'start' | 'close' | undefined, started: string[]): RelayDeps {
  return {
    inbox: {
      ...inbox,
      close: at === 'close' ? () => Promise.reject(new Error('killed')) : inbox.close,
      // Whoever is killed postpones nothing.
      postpone: at === undefined ? inbox.postpone : async () => {},
    },
    starts: {
      async startCampaign({ campaignId }) {
        if (at === 'start') throw new Error('killed');
        started.push(campaignId);
      },
      signalCampaign: async () => {},
      startCancellation: async () => {},
      async startFulfilment({ campaignId, channel }) {
        if (at === 'start') throw new Error('killed');
        started.push(`${campaignId}/${channel}`);
      },
      kickSettlement: () => {},
      kickGrants: () => {},
    },
    tenants: new Map([['acme', acme()]]),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  };
}

const endLeases = () => pool.query('update inbox set leased_until = now()');

describe('the inbox', () => {
  it('hands a due row to one of many relays', async () => {
    await inbox.record(due('1'));
    const taken = await Promise.all(Array.from({ length: 8 }, () => inbox.lease(['acme'])));
    expect(taken.filter((row) => row !== undefined)).toHaveLength(1);
  });

  it('hands out nothing of a tenant who is not in the configuration', async () => {
    await inbox.record(due('2'));
    expect(await inbox.lease(['other'])).toBeUndefined();
  });

  it.each(['start', 'close'] as const)(
    'has a row whose relay died at its %s started by another, which is harmless',
    async (step) => {
      await inbox.record(due(`3-${step}`));
      const started: string[] = [];
      await relayDue(relayThatDies(step, started), never);
      expect(await statuses()).toEqual(['due']);
      await relayDue(relayThatDies(undefined, started), never);
      expect(await statuses(), 'the lease of the dead still counts').toEqual(['due']);
      await endLeases();
      await relayDue(relayThatDies(undefined, started), never);
      expect(await statuses()).toEqual(['started']);
      expect(new Set(started)).toEqual(new Set([`3-${step}`]));
      const campaigns = await pool.query(
        'select count(*)::int as count from campaign where id = $1',
        [`3-${step}`],
      );
      expect(campaigns.rows).toEqual([{ count: 1 }]);
    },
  );

  it.each(['start', 'close'] as const)(
    'has an event 13 whose relay died at its %s told again, which is one fulfilment',
    async (step) => {
      const campaignId = `13-${step}`;
      await decideCampaign(pool, campaignId);
      const raw = JSON.stringify({ EventTypeID: 13, CampaignID: campaignId, ChannelID: 504 });
      await inbox.record({ ...due(campaignId), raw, type: 13 });
      const started: string[] = [];
      await relayDue(relayThatDies(step, started), never);
      await endLeases();
      await relayDue(relayThatDies(undefined, started), never);
      expect(await statuses()).toEqual(['started']);
      expect(new Set(started)).toEqual(new Set([`${campaignId}/504`]));
      const fulfilments = await pool.query(
        `select count(*)::int as count from fulfilment f join campaign c on c.ref = f.campaign
         where c.id = $1`,
        [campaignId],
      );
      expect(fulfilments.rows).toEqual([{ count: 1 }]);
    },
  );

  it('starts the others when one cannot be started', async () => {
    const started: string[] = [];
    const relay = relayThatDies(undefined, started);
    const start = relay.starts.startCampaign;
    relay.starts.startCampaign = async (id) => {
      if (id.campaignId === '4') throw new Error('Temporal does not like it');
      await start(id);
    };
    await inbox.record(due('4'));
    await inbox.record(due('5'));
    await relayDue(relay, never);
    expect(started).toEqual(['5']);
    expect(await statuses()).toEqual(['due', 'started']);
  });
});

describe('deliveries of one moment', () => {
  const recorded = (raw: string): Delivery => ({ ...due('9'), raw, status: 'recorded' });

  it('share statements, and each has its receipt', async () => {
    const asked = vi.spyOn(pool, 'query');
    const bodies = Array.from({ length: 300 }, (_, index) => `{"body":${index}}`);
    const receipts = await Promise.all(bodies.map((raw) => inbox.record(recorded(raw))));
    const statements = asked.mock.calls.length;
    asked.mockRestore();
    expect(receipts).toEqual(bodies.map(() => ({ times: 1, status: 'recorded' })));
    expect(await storedBodies()).toHaveLength(300);
    expect(statements).toBeLessThanOrEqual(4);
  });

  it('are one row where they say the same, and each counts on', async () => {
    await inbox.record(recorded('{"same":1}'));
    const receipts = await Promise.all(
      ['{"same":1}', '{"other":1}', '{"same":1}'].map((raw) => inbox.record(recorded(raw))),
    );
    expect(receipts.map(({ times }) => times)).toEqual([2, 1, 3]);
    expect(await storedBodies()).toHaveLength(2);
  });

  it('are all kept when one of them is nothing that jsonb can hold', async () => {
    const bodies = ['{"first":1}', '{"nul":"\\u0000"}', '{"last":1}'];
    const receipts = await Promise.all(bodies.map((raw) => inbox.record(recorded(raw))));
    expect(receipts.map(({ times }) => times)).toEqual([1, 1, 1]);
    expect(await storedBodies()).toEqual(
      expect.arrayContaining([{ first: 1 }, { last: 1 }, '{"nul":"\\u0000"}']),
    );
  });

  it('do not wait for each other in a ring where two gateways store the same', async () => {
    const bodies = Array.from({ length: 200 }, (_, index) => `{"shared":${index}}`);
    const other = createInbox(pool);
    const receipts = await Promise.all([
      ...bodies.map((raw) => inbox.record(recorded(raw))),
      ...bodies.toReversed().map((raw) => other.record(recorded(raw))),
    ]);
    expect(receipts.filter(({ times }) => times === 2)).toHaveLength(200);
    expect(await storedBodies()).toHaveLength(200);
  });

  async function storedBodies(): Promise<unknown[]> {
    const found = await pool.query<{ body: unknown }>('select body from inbox');
    return found.rows.map(({ body }) => body);
  }
});

describe('debts', () => {
  it('are an open campaign, until it is closed', async () => {
    const campaign = await decideCampaign(pool, '7', 'debtor');
    expect(await inbox.tenantsWithDebts()).toContain('debtor');
    await campaign.close();
    expect(await inbox.tenantsWithDebts()).not.toContain('debtor');
    await pool.query('update batch set redemptions_due_at = now() where campaign = $1', [
      campaign.ref,
    ]);
    expect(await inbox.tenantsWithDebts()).toContain('debtor');
  });
});

describe('a timeline', () => {
  it('tells what happened to one customer, in its order', async () => {
    const campaign = await decideCampaign(pool, '8', 'teller');
    await campaign.perform({
      kind: 'revoke',
      positions: [2],
      becomes: 'revoked',
      kept: { reason: 'operator' },
    });
    const [told] = await timeline(pool, { tenant: 'teller', customerId: 'C2' });
    expect(told).toMatchObject({
      campaignId: '8',
      state: 'revoked',
      clearance: 'approved',
      reference: 'ref-2',
    });
    expect(told?.moments).toMatchObject([
      { what: 'targeted', at: expect.any(Number) },
      { what: 'screened' },
      { what: 'validated', rewards: [{ rewardTypeId: 'spins', value: 20, tierName: 'gold' }] },
      { what: 'allocated', reference: 'ref-2' },
      { what: 'told', status: true, at: expect.any(Number) },
      { what: 'revoked', reason: 'operator' },
    ]);
  });

  it.each([
    ['C4', 'declined', ['targeted', 'screened', 'validated', 'declined']],
    ['C5', 'refused', ['targeted', 'screened', 'refused']],
    ['C6', 'screened_out', ['targeted', 'screened_out']],
  ])('of %s ends %s', async (customerId, state, moments) => {
    const tenant = `teller-${customerId}`;
    await decideCampaign(pool, '9', tenant);
    const [told] = await timeline(pool, { tenant, customerId, campaignId: '9' });
    expect(told?.state).toBe(state);
    expect(told?.moments.map(({ what }) => what)).toEqual(moments);
  });

  it('is empty for a customer nobody targeted', async () => {
    expect(await timeline(pool, { tenant: 'acme', customerId: 'nobody' })).toEqual([]);
  });
});

async function statuses(): Promise<string[]> {
  const found = await pool.query<{ status: string }>('select status from inbox order by id');
  return found.rows.map((row) => row.status);
}
