import { afterAll, beforeAll, expect, test } from 'vitest';
import { acme, type Doors, openDoors } from './doors.ts';

const key = 'key-of-the-shop';
let doors: Doors;
beforeAll(async () => {
  doors = await openDoors({
    settings: acme({ apiKeys: ['another', key], scheduled: { activation: 'claimed' } }),
  });
});
afterAll(() => doors.close());

const claim = { claimId: 'one', customerId: '0071', campaignId: '4711' };
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };

async function post(body: unknown, more: Record<string, string> = {}, path = '/claims/acme') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await doors.post(path, text, { ...headers, ...more });
  const told: unknown = await answer.json();
  return { status: answer.status, type: answer.headers.get('content-type'), told };
}

test.each(['', 'Bearer', 'Bearer wrong', key, `Basic ${key}`])(
  'a claim without the key of the tenant is refused: "%s"',
  async (authorization) => {
    expect(await post(claim, { authorization })).toMatchObject({
      status: 401,
      told: { reason: 'unauthorized' },
    });
  },
);

test('nobody claims of a tenant that is not there', async () => {
  expect(await post(claim, {}, '/claims/nobody')).toMatchObject({
    status: 404,
    told: { reason: 'unknown_tenant' },
  });
});

test.each([
  'no JSON',
  '',
  '[]',
  { ...claim, claimId: undefined },
  { ...claim, customerId: { id: 1 } },
  { ...claim, campaignId: 'a/b' },
  { ...claim, promoCode: '' },
  { ...claim, sessionProperties: 'deposit' },
  { ...claim, customerId: 'x'.repeat(300) },
])('a claim that cannot be read is refused in words that do not quote it: %j', async (body) => {
  const { status, type, told } = await post(body);
  expect(status).toBe(400);
  expect(type).toContain('application/problem+json');
  expect(told).toMatchObject({ reason: 'unreadable' });
});

test('a claim that is too large, or of another kind, is refused', async () => {
  const large = { ...claim, sessionProperties: { text: 'x'.repeat(70_000) } };
  expect((await post(large)).status).toBe(413);
  expect((await post(claim, { 'content-type': 'text/xml' })).status).toBe(415);
});

test('a claim of a campaign that nobody announced has nothing to give', async () => {
  expect(await post(claim)).toMatchObject({ status: 404, told: { reason: 'not_targeted' } });
  expect(await post({ ...claim, customerId: 71 })).toMatchObject({ status: 404 });
});

test('a claim that the ledger does not hear is busy, and says when to come again', async () => {
  const away = await openDoors({ settings: acme({ apiKeys: [key] }), withoutLedger: true });
  const answer = await away.post('/claims/acme', JSON.stringify(claim), headers);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answer.json()).toMatchObject({ reason: 'busy' });
  await away.close();
});

test('the claims are counted by their answers', async () => {
  const text = await (await doors.read('/metrics')).text();
  expect(text).toContain('promoflow_claims_total{tenant="acme",answer="not_targeted"}');
});
