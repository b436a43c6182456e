import { expect, onTestFinished, test } from 'vitest';
import type { PublishedBatch } from '../../src/world.ts';
import { openWorld, permit, startFarSide } from './tools.ts';

const settings = {
  apiKey: 'publisher-key',
  rateLimit: undefined,
  listenerUrl: undefined,
  sharesOptimoveLimit: false,
};

const batch: PublishedBatch = {
  campaignId: '70412',
  deadline: Date.parse('2026-03-02T10:30:00Z'),
  batchId: '2b7e4c1e-7f0e-4a52-9a51-0d3f8f3f6f10',
  index: 2,
  count: 3,
  customers: [
    { customerId: '007', actionId: '4', promoCodes: ['SPRING25'] },
    { customerId: 'P-2', actionId: '04', promoCodes: ['SPRING25', 'FS10'] },
    { customerId: 'P-3', actionId: undefined, promoCodes: [] },
  ],
};

/** A publisher that answers this; the adapter of a tenant in Malta beside it. */
async function publisherThat(status: number, text: string, change: { listenerUrl?: string } = {}) {
  const far = await startFarSide((_request, response) => response.writeHead(status).end(text));
  onTestFinished(() => far.close());
  const baseUrl = `${far.url}/stack`;
  const world = openWorld(far.urls, { publisher: { ...settings, baseUrl, ...change } });
  if (!world.publisher) throw new Error('this tenant has a publisher');
  return { publisher: world.publisher, received: far.received };
}

test('a batch is handed over under its id, with its deadline in the tenant’s zone', async () => {
  const { publisher, received } = await publisherThat(202, '{"batchId":"b","accepted":3}');
  await publisher.publish(batch).send(permit());
  expect(received.map(({ method, url }) => [method, url])).toEqual([['POST', '/stack/v1/publish']]);
  expect(received[0]?.headers).toMatchObject({ 'x-api-key': 'publisher-key' });
  expect(JSON.parse(received[0]?.body ?? '')).toEqual({
    campaignId: 70412,
    clearanceRequiredBy: '2026-03-02 11:30:00',
    batch: { id: batch.batchId, index: 2, count: 3 },
    customers: [
      { customerId: '007', actionId: 4, promoCode: 'SPRING25' },
      { customerId: 'P-2', actionId: '04', promoCode: 'SPRING25,FS10' },
      { customerId: 'P-3', promoCode: null },
    ],
  });
});

test('a batch never goes to the listener of triggers', async () => {
  const elsewhere = await startFarSide(
    (_request, response) => void response.end('{"allowed":true}'),
  );
  onTestFinished(() => elsewhere.close());
  const listenerUrl = `${elsewhere.url}/triggers?tenant=7`;
  const { publisher, received } = await publisherThat(200, '', { listenerUrl });
  await publisher.publish(batch).send(permit());
  expect(await publisher.decide(Buffer.from('{}'), 1_500)).toBe(true);
  expect(received.map(({ url }) => url)).toEqual(['/stack/v1/publish']);
  expect(elsewhere.received.map(({ url }) => url)).toEqual(['/triggers?tenant=7']);
});

test('the same batch has the same body, another one has not', async () => {
  const { publisher } = await publisherThat(200, '');
  const { hash } = publisher.publish(batch);
  expect(publisher.publish({ ...batch }).hash).toBe(hash);
  expect(publisher.publish({ ...batch, index: 1 }).hash).not.toBe(hash);
});

test.each([
  ['nothing', 200, ''],
  ['no JSON', 202, 'queued'],
  ['nothing of how many it took', 200, '{"batchId":"b"}'],
  ['all of them, in other words', 200, '{"Accepted":"3"}'],
  ['a list', 202, '[]'],
])('a success that tells %s is one', async (_name, status, text) => {
  const { publisher } = await publisherThat(status, text);
  await expect(publisher.publish(batch).send(permit())).resolves.toBeUndefined();
});

test.each([
  ['took fewer', 200, '{"accepted":2}', 'malformed'],
  ['took none', 202, '{"accepted":0}', 'malformed'],
  ['refuses', 400, '{}', 'refused'],
  ['takes fewer at once', 413, '', 'too_large'],
  ['fails', 503, '', 'unknown'],
  ['does not know our key', 401, '', 'unauthorized'],
])('a publisher that %s has not taken the batch', async (_name, status, text, kind) => {
  const { publisher } = await publisherThat(status, text);
  await expect(publisher.publish(batch).send(permit())).rejects.toMatchObject({ kind });
});

test('more customers than a batch may have are never sent', async () => {
  const { publisher, received } = await publisherThat(200, '');
  const [customer = { customerId: '', actionId: undefined, promoCodes: [] }] = batch.customers;
  const customers = Array.from({ length: 10_001 }, () => customer);
  expect(() => publisher.publish({ ...batch, customers })).toThrow(RangeError);
  expect(received).toEqual([]);
});
