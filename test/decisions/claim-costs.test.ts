import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { verify } from '../../src/ledger/invariants.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { openShop, type Shop } from './shop.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

let shop: Shop | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  const found = shop && (await verify(ledger.pool, { tenant: shop.tenant }));
  expect(found?.flatMap(({ examples }) => examples)).toEqual([]);
  await shop?.closeDoors();
});

/** What this process asks of the ledger from now on, each statement by its name or its first word. */
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
  if (typeof statement === 'string') return statement.split(/[\s;]/)[0] ?? '';
  if (typeof statement !== 'object' || statement === null) return '';
  if ('name' in statement && typeof statement.name === 'string') return statement.name;
  return 'text' in statement ? nameOf(statement.text) : '';
}

const writing =
  /^(open_claims|settle_effect|begin_effect|finish_claims|save_|close_|commit|update)/;

test('a claim costs three commits: moved and begun, settled and begun, settled and finished', async () => {
  shop = await openShop(ledger);
  // What a gateway learns once: numbers of pools, the code, the end of the campaign.
  await shop.claim('bob');
  await expect.poll(() => shop?.first.asked.length).toBeGreaterThan(0);
  const asked = listen();
  expect(await shop.claim('ann')).toMatchObject({ status: 'granted' });
  expect(asked.filter((name) => writing.test(name))).toEqual([
    'open_claims',
    ...['settle_effect', 'begin_effect', 'commit'],
    ...['settle_effect', 'finish_claims', 'commit'],
  ]);
});

test('five hundred claims at once share a few calls within the limit, and statements', async () => {
  const customers = Array.from({ length: 500 }, (_, index) => `c${index}`);
  shop = await openShop(ledger, { customers });
  shop.far.rules.limit = { bucket: randomUUID(), requests: 50, perMs: 10_000, spaced: true };
  // The limit is Optimove's and Promotions': the platform has none of its own.
  const { platform } = shop.far.world;
  const { allocate } = platform;
  vi.spyOn(platform, 'allocate').mockImplementation((order) => ({
    ...allocate(order),
    limit: undefined,
  }));
  const asked = listen();
  const { claim } = shop;
  const answers = await Promise.all(customers.map((customerId) => claim(customerId)));
  const statements = asked.length;
  expect(answers.every(({ status }) => status === 'granted')).toBe(true);
  expect(shop.held().length).toBe(500);
  // Five may go at once, and five a second after them: what does not fit into few pools waits for long.
  expect(shop.far.of('validate').length).toBeLessThanOrEqual(15);
  expect(shop.far.of('allocate').length).toBe(shop.far.of('validate').length);
  expect(statements).toBeLessThan(300);
});
