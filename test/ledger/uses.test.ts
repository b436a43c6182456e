import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Use } from '../../src/domain/use.ts';
import { record } from '../../src/ledger/batches.ts';
import { begin } from '../../src/ledger/effects.ts';
import { clearRedemptionsDue, queuedBatches, toldUses } from '../../src/ledger/redemptions.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { createUses } from '../../src/ledger/uses.ts';
import type { AudienceRow } from '../../src/world.ts';
import { openLedger, row, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());
afterEach(() => vi.restoreAllMocks());

const usedAt = Date.parse('2026-03-03T09:14:55.250Z');

/** A campaign whose audience holds its rewards, and its platform. */
async function openUsed(rows: AudienceRow[], redeemEveryMs = 0) {
  const { pool } = ledger;
  const campaign = await runningCampaign(pool, rows, { plan: { redeemEveryMs } });
  const { ref, id } = campaign;
  const uses = createUses(pool);
  const batch = (number = 1) => ({ campaign: ref, number });

  async function happen(happening: { state?: 'passed' | 'allocated' | 'revoked' | 'expired' }) {
    const found = await pool.query<{ number: number; size: number }>(
      'select number, size from batch where campaign = $1',
      [ref],
    );
    for (const { number, size } of found.rows) {
      const all = Array.from({ length: size }, (_, index) => ({
        ...{ position: index + 1, ...happening },
      }));
      await record(pool, batch(number), all);
    }
  }

  await happen({ state: 'passed' });
  await happen({ state: 'allocated' });
  return {
    ...campaign,
    batch,
    happen,
    use: (given: Partial<Use> = {}): Use => ({
      ...{ campaignId: id.campaignId, customerId: 'c1', promoCode: 'SPINS', usedAt },
      ...given,
    }),
    report: (reported: readonly Use[], isRedeemed = true) =>
      uses.record(id.tenant, reported, { isRedeemed }),
    async members() {
      const found = await pool.query<{ customer: string; state: string; redemption: string }>(
        `select customer, state, redemption from member where campaign = $1
         order by batch, position`,
        [ref],
      );
      return found.rows;
    },
    due: () => queuedBatches(pool, id.tenant),
  };
}

const answersOf = (results: readonly { answer: string }[]) => results.map(({ answer }) => answer);

test('each report is answered in its place, the unknown with words of their own', async () => {
  const campaign = await openUsed([row('c1', 'SPINS', 'CASH'), row('c2', 'SPINS')]);
  const { use } = campaign;
  const results = await campaign.report([
    use({ customerId: 'c2', promoCode: 'CASH' }),
    use({ campaignId: 'another' }),
    use({ customerId: 'stranger' }),
    use({ redemptionId: 'r-1' }),
    use({ promoCode: 'NONE' }),
    use({ promoCode: 'CASH' }),
  ]);
  expect(results).toEqual([
    { answer: 'unknown_code', redemptionId: undefined },
    { answer: 'unknown_campaign', redemptionId: undefined },
    { answer: 'unknown_customer', redemptionId: undefined },
    { answer: 'accepted', redemptionId: 'r-1' },
    { answer: 'unknown_code', redemptionId: undefined },
    { answer: 'accepted', redemptionId: undefined },
  ]);
  expect(await campaign.members()).toEqual([
    { customer: 'c1', state: 'used', redemption: 'queued' },
    { customer: 'c1', state: 'used', redemption: 'queued' },
    { customer: 'c2', state: 'allocated', redemption: 'none' },
  ]);
});

test('a campaign of another tenant is unknown', async () => {
  const one = await openUsed(rowsOf(1));
  const results = await createUses(ledger.pool).record(`t-${randomUUID()}`, [one.use()], {
    isRedeemed: true,
  });
  expect(answersOf(results)).toEqual(['unknown_campaign']);
});

test('an assignment is used once, whatever it is called the second time', async () => {
  const campaign = await openUsed(rowsOf(2));
  const { use } = campaign;
  const first = use({ redemptionId: 'r-1' });
  const second = use({ redemptionId: 'r-2' });
  const expected = { answer: 'already_used', redemptionId: 'r-1' };
  expect((await campaign.report([first, second]))[1]).toEqual(expected);
  expect(await campaign.report([second, first])).toEqual([expected, expected]);
});

test('reports of one assignment at once are one use', async () => {
  const campaign = await openUsed(rowsOf(1));
  const others = [createUses(ledger.pool), createUses(ledger.pool), createUses(ledger.pool)];
  const results = await Promise.all(
    others.map((gateway, index) =>
      gateway.record(campaign.id.tenant, [campaign.use({ redemptionId: `r-${index}` })], {
        isRedeemed: true,
      }),
    ),
  );
  const sorted = answersOf(results.flat()).sort();
  expect(sorted).toEqual(['accepted', 'already_used', 'already_used']);
  expect(new Set(results.flat().map(({ redemptionId }) => redemptionId)).size).toBe(1);
});

test.each(['revoked', 'expired'] as const)('what was %s is answered so', async (state) => {
  const campaign = await openUsed(rowsOf(1));
  await campaign.happen({ state });
  expect(answersOf(await campaign.report([campaign.use()]))).toEqual([state]);
  expect(await campaign.due()).toEqual([]);
});

test('what was never allocated is answered so, and what is just being allocated is to come again', async () => {
  const { pool } = ledger;
  const { ref, id } = await runningCampaign(pool, rowsOf(2));
  await record(pool, { campaign: ref, number: 1 }, [
    { position: 1, state: 'passed' },
    { position: 2, state: 'passed' },
  ]);
  const beginning = await begin(
    pool,
    {
      ...{ campaign: ref, batch: 1, kind: 'allocate', epoch: 1, key: 'a', hash: 'h', kept: {} },
      ...{ positions: [2], token: 0, change: 0, aliveMs: 60_000 },
    },
    undefined,
  );
  expect(beginning.verdict).toBe('begun');
  const reported = ['c1', 'c2'].map((customerId) => ({
    ...{ campaignId: id.campaignId, customerId, promoCode: 'SPINS', usedAt },
  }));
  const results = await createUses(pool).record(id.tenant, reported, { isRedeemed: true });
  expect(answersOf(results)).toEqual(['not_allocated', 'pending']);
});

test.each(['queued', 'told'] as const)(
  'what is %s already is only marked as used, and keeps its own words',
  async (redemption) => {
    const campaign = await openUsed(rowsOf(1));
    await record(ledger.pool, campaign.batch(), [{ position: 1, redemption: 'queued' }]);
    if (redemption === 'told') {
      await record(ledger.pool, campaign.batch(), [{ position: 1, redemption }]);
    }
    const results = await campaign.report([campaign.use({ redemptionId: 'r-1' })]);
    expect(results).toEqual([{ answer: 'already_told', redemptionId: undefined }]);
    expect(await campaign.members()).toMatchObject([{ state: 'used', redemption }]);
    expect(await toldUses(ledger.pool, campaign.ref, [1])).toEqual(new Map());
    expect(await campaign.due()).toEqual([]);
  },
);

test('without Promotions a use is written down, and nothing is to be told', async () => {
  const campaign = await openUsed(rowsOf(1));
  expect(answersOf(await campaign.report([campaign.use()], false))).toEqual(['accepted']);
  expect(await campaign.members()).toMatchObject([{ state: 'used', redemption: 'none' }]);
  expect(await campaign.due()).toEqual([]);
});

test('the words of the platform are kept, and are told at the cadence of the campaign', async () => {
  const campaign = await openUsed(rowsOf(2), 3_600_000);
  const rewards = [{ rewardTypeId: 'spins', value: 3 }];
  await campaign.report([campaign.use({ redemptionId: 'r-1', rewards, code: 'U-1' })]);
  const told = await toldUses(ledger.pool, campaign.ref, [1]);
  expect(told.get(1)?.get(1)).toEqual({ usedAt, redemptionId: 'r-1', rewards, code: 'U-1' });
  const [due] = await campaign.due();
  expect(due?.waitMs).toBeGreaterThan(3_500_000);
});

test('of a fenced campaign a batch is due only where something of it was used', async () => {
  const used = await openUsed(rowsOf(1));
  await used.report([used.use()]);
  await fenceCampaign(ledger.pool, used.id, 'deleted');
  expect(await used.due()).toMatchObject([{ campaign: used.ref, number: 1 }]);
  const unused = await openUsed(rowsOf(1));
  await record(ledger.pool, unused.batch(), [{ position: 1, redemption: 'queued' }]);
  await ledger.pool.query(
    `update batch set redemptions_due_at = clock_timestamp(),
       redemptions_queued_at = clock_timestamp() where campaign = $1`,
    [unused.ref],
  );
  expect(await unused.due()).toHaveLength(1);
  await fenceCampaign(ledger.pool, unused.id, 'deleted');
  expect(await unused.due()).toEqual([]);
});

test('what is queued while the debt is cleared keeps it', async () => {
  const campaign = await openUsed(rowsOf(2));
  await campaign.report([campaign.use()]);
  await record(ledger.pool, campaign.batch(), [{ position: 1, redemption: 'told' }]);
  // The report holds the batch, and commits while the clearing waits for it.
  const gate = Promise.withResolvers<void>();
  const query = pg.Client.prototype.query;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    const asked = Reflect.apply(query, this, args);
    if (nameOf(args[0]) === 'lock_used') gate.resolve();
    return asked;
  });
  const reporting = campaign.report([campaign.use({ customerId: 'c2' })]);
  await gate.promise;
  await Promise.all([clearRedemptionsDue(ledger.pool, campaign.batch()), reporting]);
  expect(await campaign.due()).toHaveLength(1);
});

test('ten thousand reports are a few statements', async () => {
  const campaign = await openUsed(rowsOf(12_000));
  const reported = Array.from({ length: 10_000 }, (_, index) =>
    campaign.use({ customerId: `c${index + 1_500}`, redemptionId: `r-${index}` }),
  );
  const asked = listen();
  const results = await campaign.report(reported);
  expect(asked.length).toBeLessThanOrEqual(5 * 8);
  expect(results.every(({ answer }) => answer === 'accepted')).toBe(true);
  expect(results[9_999]?.redemptionId).toBe('r-9999');
  const used = (await campaign.members()).filter(({ state }) => state === 'used');
  expect(used).toHaveLength(10_000);
});

test('reports that come one by one share their transactions', async () => {
  const campaign = await openUsed(rowsOf(300));
  const asked = listen();
  const results = await Promise.all(
    rowsOf(300).map(({ customerId }) => campaign.report([campaign.use({ customerId })])),
  );
  expect(results.flat().every(({ answer }) => answer === 'accepted')).toBe(true);
  expect(asked.length).toBeLessThanOrEqual(4 * 8);
});

/** What this process asks of the ledger from now on. */
function listen(): string[] {
  const asked: string[] = [];
  const query = pg.Client.prototype.query;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    asked.push(nameOf(args[0]));
    return Reflect.apply(query, this, args);
  });
  return asked;
}

function nameOf(statement: unknown): string {
  if (typeof statement === 'string') return statement;
  if (typeof statement !== 'object' || statement === null || !('name' in statement)) return '';
  return String(statement.name);
}
