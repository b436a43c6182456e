import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { record } from '../../src/ledger/batches.ts';
import { toldUses } from '../../src/ledger/redemptions.ts';
import { rowsOf, runningCampaign } from '../ledger/ledger.ts';
import { acme, campaignId, type Doors, openDoors } from './doors.ts';

const key = 'key-of-the-platform';
const promotions = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k', sharesOptimoveLimit: true };
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors({ settings: acme({ apiKeys: ['another', key], promotions }) });
});
afterAll(() => doors.close());

const answered = z.object({
  results: z.array(
    z.strictObject({
      status: z.string(),
      redemptionId: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
});

async function post(body: unknown, more: Record<string, string> = {}, path = '/redemptions/acme') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await doors.post(path, text, { ...headers, ...more });
  const told: unknown = await answer.json();
  return { status: answer.status, type: answer.headers.get('content-type'), told };
}

async function report(...redemptions: unknown[]) {
  const { status, told } = await post({ redemptions });
  expect(status).toBe(200);
  return answered.parse(told).results;
}

/** A campaign whose customers c1, c2 … hold their rewards. */
async function openCampaign(customers: number): Promise<{ id: string; ref: number }> {
  const id = campaignId();
  const { ref } = await runningCampaign(doors.pool, rowsOf(customers), {
    id: { tenant: 'acme', campaignId: id },
  });
  for (const state of ['passed', 'allocated'] as const) {
    const all = Array.from({ length: customers }, (_, index) => ({ position: index + 1, state }));
    await record(doors.pool, { campaign: ref, number: 1 }, all);
  }
  return { id, ref };
}

const use = {
  ...{ customerId: 'c1', campaignId: '4711', promoCode: 'SPINS' },
  usedAt: '2026-03-03T09:14:55Z',
};

test('each is answered in its place, and one that cannot be read costs the others nothing', async () => {
  const { id } = await openCampaign(2);
  const mine = { ...use, campaignId: id };
  const results = await report(
    { ...mine, redemptionId: 'r-1' },
    { ...mine, customerId: 'c2', usedAt: '2026-03-03 09:14:55' },
    use,
    { ...mine, customerId: 'stranger' },
    { ...mine, promoCode: 'NONE' },
    'no object',
    { ...mine, redemptionId: 'r-2' },
    { ...mine, customerId: 'c2' },
  );
  expect(results).toEqual([
    { status: 'accepted', redemptionId: 'r-1' },
    { status: 'unreadable', detail: 'usedAt must be an ISO 8601 instant, with Z or an offset' },
    { status: 'unknown_campaign' },
    { status: 'unknown_customer' },
    { status: 'unknown_code' },
    { status: 'unreadable', detail: expect.any(String) },
    { status: 'already_used', redemptionId: 'r-1' },
    { status: 'accepted' },
  ]);
  expect(doors.asked).toContainEqual({ what: 'settlement', of: 'acme' });
});

test('everything the platform tells is kept, null standing for what it does not tell', async () => {
  const { id, ref } = await openCampaign(2);
  await report(
    {
      ...{ ...use, campaignId: id, usedAt: '2026-03-03T10:14:55.250+01:00' },
      ...{ redemptionId: 17, code: 'U-1', rewards: [{ rewardTypeId: 'spins', value: 3 }] },
    },
    {
      ...{ ...use, campaignId: id, customerId: 'c2' },
      ...{ redemptionId: null, code: null, rewards: null },
    },
  );
  const told = await toldUses(doors.pool, ref, [1]);
  expect(told.get(1)?.get(1)).toEqual({
    ...{ usedAt: Date.parse('2026-03-03T09:14:55.250Z'), redemptionId: '17', code: 'U-1' },
    rewards: [{ rewardTypeId: 'spins', value: 3 }],
  });
  expect(told.get(1)?.get(2)).toEqual({
    ...{ usedAt: Date.parse('2026-03-03T09:14:55Z'), redemptionId: undefined },
    ...{ code: undefined, rewards: undefined },
  });
});

test.each([
  ['customerId', { id: 1 }],
  ['customerId', 'x'.repeat(300)],
  ['campaignId', 'a/b'],
  ['promoCode', ''],
  ['promoCode', null],
  ['usedAt', 'yesterday'],
  ['usedAt', '2026-02-30T00:00:00Z'],
  ['usedAt', 1_772_500_000],
  ['rewards', [{ rewardTypeId: 'spins', value: -1 }]],
  ['rewards', 'all'],
  ['redemptionId', ['r']],
  ['code', 'a\u0000b'],
])('a report whose %s cannot be read is told so: %j', async (field, value) => {
  const [result] = await report({ ...use, [field]: value });
  expect(result).toEqual({
    status: 'unreadable',
    detail: expect.stringMatching(new RegExp(`^${field} `)),
  });
});

test.each([
  'no JSON',
  '',
  '[]',
  {},
  { redemptions: use },
  { redemptions: [] },
  { redemptions: Array.from({ length: 10_001 }, () => use) },
])('a call that cannot be read is refused as a whole, in words', async (body) => {
  const { status, type, told } = await post(body);
  expect(status).toBe(400);
  expect(type).toContain('application/problem+json');
  expect(told).toMatchObject({ reason: 'unreadable', detail: expect.stringMatching(/\w/) });
});

test('ten thousand reports are one call, and nine mebibytes are too much', async () => {
  const rewards = Array.from({ length: 8 }, (_, index) => ({
    rewardTypeId: `type-${index}`,
    value: 1,
  }));
  const long = { ...use, customerId: 'c'.repeat(200), redemptionId: 'r'.repeat(40), rewards };
  const results = await report(...Array.from({ length: 10_000 }, () => long));
  expect(results).toHaveLength(10_000);
  const { status } = await post({ redemptions: [{ ...use, code: 'x'.repeat(9 * 1_048_576) }] });
  expect(status).toBe(413);
});

test.each(['', 'Bearer', 'Bearer wrong', key, `Basic ${key}`])(
  'a call without the key of the tenant is refused: "%s"',
  async (authorization) => {
    expect(await post({ redemptions: [use] }, { authorization })).toMatchObject({
      status: 401,
      told: { reason: 'unauthorized' },
    });
  },
);

test('nothing is told of a tenant that is not there', async () => {
  expect(await post({ redemptions: [use] }, {}, '/redemptions/nobody')).toMatchObject({
    status: 404,
    told: { reason: 'unknown_tenant' },
  });
});

test('a call that the ledger does not hear is to come again, and told when', async () => {
  const away = await openDoors({ settings: acme({ apiKeys: [key] }), withoutLedger: true });
  const body = JSON.stringify({ redemptions: [use] });
  const answer = await away.post('/redemptions/acme', body, headers);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answer.json()).toMatchObject({ reason: 'busy' });
  await away.close();
});

test('the reports are counted by their answers', async () => {
  await report(use, use);
  const text = await (await doors.read('/metrics')).text();
  expect(text).toMatch(/promoflow_uses_total\{tenant="acme",answer="unknown_campaign"\} [1-9]/);
});
