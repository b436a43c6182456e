import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Limits } from '../../src/domain/campaign.ts';
import { openAlerts } from '../../src/ledger/alerts.ts';
import { campaignOf } from '../../src/ledger/campaigns.ts';
import { openLedger, row, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch, type TestBatch } from './batch.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const limits = (more: Partial<Limits>): { plan: { limits: Limits } } => ({
  plan: { limits: { maxAudience: 2_000_000, onlyCustomers: [], ...more } },
});

const heldFor = async ({ ref }: TestBatch) => (await campaignOf(ledger.pool, ref)).held?.reason;
const release = ({ ref }: TestBatch) =>
  ledger.pool.query('update campaign set held = null where ref = $1', [ref]);
const alertsOf = async ({ id }: TestBatch) =>
  (await openAlerts(ledger.pool, [id.tenant])).map(({ kind, subject }) => `${kind} ${subject}`);

test('a campaign about to give more than its reward total gives nothing, and waits for a person', async () => {
  // Each customer is validated for 10 of spins.
  const batch = await openBatch(ledger, rowsOf(3), limits({ maxRewardTotal: { spins: 20 } }));
  expect(await batch.walk('screen', 'validate', 'allocate')).toEqual({ stopped: 'held' });
  expect(batch.far.of('allocate')).toEqual([]);
  expect(await heldFor(batch)).toBe(
    'its customers are about to be given 30 of spins, over the limit of 20',
  );
  expect(await alertsOf(batch)).toEqual([expect.stringMatching(/^hold 4711\//)]);
});

test('a released reward total lets the campaign go on, with what was held for', async () => {
  const batch = await openBatch(ledger, rowsOf(3), limits({ maxRewardTotal: { spins: 20 } }));
  await batch.walk('screen', 'validate', 'allocate');
  await release(batch);
  expect(await batch.walk('allocate', 'report')).toEqual({});
  expect(await batch.states()).toEqual(['allocated', 'allocated', 'allocated']);
  expect(await heldFor(batch)).toBeUndefined();
});

test('the reward total counts who is given something, and no other reward types', async () => {
  const batch = await openBatch(
    ledger,
    rowsOf(3),
    limits({ maxRewardTotal: { spins: 20, cash: 1 } }),
  );
  batch.far.rules.ineligible.add('c2');
  expect(await batch.walk('screen', 'validate', 'allocate')).toEqual({});
  expect(await batch.states()).toEqual(['allocated', 'refused', 'allocated']);
});

test('a reward total is not asked again for what a batch has given already', async () => {
  const batch = await openBatch(ledger, rowsOf(2), limits({ maxRewardTotal: { spins: 20 } }));
  batch.far.mishap('allocate', { acts: true, meanwhile: () => Promise.reject(new Error('died')) });
  expect(await batch.walk('screen', 'validate', 'allocate', 'allocate')).toEqual({});
  expect(await batch.states()).toEqual(['allocated', 'allocated']);
});

test('an unknown code holds before anything is spent, where the tenant says so', async () => {
  const batch = await openBatch(ledger, [row('a', 'X'), row('b', 'LOST')]);
  batch.far.world.promotions.unknownCodes = 'hold';
  batch.far.rules.unknownCodes.add('LOST');
  expect(await batch.walk('screen', 'validate')).toEqual({ stopped: 'held' });
  expect(batch.far.of('validate')).toEqual([]);
  expect(await heldFor(batch)).toBe('Promotions does not know the promo code LOST');
  expect(await alertsOf(batch)).toEqual([expect.stringMatching(/^hold 4711\//)]);
});

test('another batch of the pass holds too, and refuses nobody before the release', async () => {
  const batch = await openBatch(ledger, [row('a', 'LOST')]);
  batch.far.world.promotions.unknownCodes = 'hold';
  batch.far.rules.unknownCodes.add('LOST');
  await batch.walk('screen', 'validate');
  expect(await batch.walk('validate')).toEqual({ stopped: 'held' });
  expect(await batch.states()).toEqual(['screened']);
});

test('a code that was made before the release is asked for anew, and validated', async () => {
  const batch = await openBatch(ledger, [row('a', 'LATE')]);
  batch.far.world.promotions.unknownCodes = 'hold';
  batch.far.rules.unknownCodes.add('LATE');
  await batch.walk('screen', 'validate');
  batch.far.rules.unknownCodes.clear();
  await release(batch);
  expect(await batch.walk('validate')).toEqual({});
  expect(await batch.states()).toEqual(['validated']);
});

test('a code that is still unknown after the release is refused, and holds no more', async () => {
  const batch = await openBatch(ledger, [row('a', 'LOST'), row('b', 'X')]);
  batch.far.world.promotions.unknownCodes = 'hold';
  batch.far.rules.unknownCodes.add('LOST');
  await batch.walk('screen', 'validate');
  await release(batch);
  expect(await batch.walk('validate')).toEqual({});
  expect(await batch.states()).toEqual(['refused', 'validated']);
});

test.each([
  ['all', ['screened_out', 'screened_out', 'screened']],
  ['any', ['screened_out', 'screened', 'screened']],
] as const)(
  'who was given the same code lately is screened out; with %s codes the others too',
  async (codes, states) => {
    const tenant = (await openBatch(ledger, rowsOf(1))).id.tenant;
    const given = await openBatch(ledger, [row('a', 'X')], {
      id: { tenant, campaignId: 'before' },
    });
    await given.walk('screen', 'validate', 'allocate');

    const plan = { codes, ...limits({ sameCodeDays: 7 }).plan };
    const id = { tenant, campaignId: 'now' };
    const batch = await openBatch(ledger, [row('a', 'X', 'Y'), row('b', 'X')], { plan, id });
    await batch.walk('screen');
    const members = await batch.members();
    expect(members.map(({ state }) => state)).toEqual(states);
    expect(members[0]?.reason).toBe('same_code_within_7_days');
  },
);

test('an inactive promotion is told of once a campaign and code', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  const { promotions } = batch.far.world;
  const { validate } = promotions;
  promotions.validate = (body) => {
    const call = validate(body);
    return {
      ...call,
      async send(permit) {
        await call.send(permit);
        const reason = 'promotion_inactive';
        return new Map(body.customerIds.map((id) => [id, { eligible: false as const, reason }]));
      },
    };
  };
  await batch.walk('screen', 'validate', 'validate');
  expect(await alertsOf(batch)).toEqual(['inactive_promotion 4711/SPINS']);
});
