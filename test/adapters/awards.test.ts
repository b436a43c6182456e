import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWorld, reading, type SmallFarSide, startFarSide } from './tools.ts';

let farSide: SmallFarSide;
let status: number;
let answer: unknown;
beforeEach(async () => {
  status = 200;
  farSide = await startFarSide((_request, response) => {
    response.writeHead(status).end(JSON.stringify(answer));
  });
});
afterEach(() => farSide.close());

function open() {
  return openWorld(farSide.urls).promotions;
}

const reward = { rewardTypeId: 'r', value: 1, code: 'U-1' };
const item = { promocodeId: 'pc-1', promotionId: 9, occurrenceId: 7, rewards: [reward] };
const page = { campaignId: '7', skip: 30, take: 10 };

test('a page of an occurrence’s awards holds those of it that give something', async () => {
  answer = {
    items: [
      { ...item, customerId: '007', status: 'ASSIGNED' },
      { ...item, customerId: 'b', status: 'rejected' },
      { ...item, customerId: 'c', rewards: [] },
      { ...item, customerId: 'd', rewards: null },
      { ...item, customerId: 'e', occurrenceId: '8', rewards: 'whatever' },
      { customerId: 'f', promocodeId: 'pc-2', rewards: [reward] },
    ],
    total: 36,
  };
  expect(await open().awards(page, reading())).toEqual({
    awards: [
      { customerId: '007', promocodeId: 'pc-1', promotionId: '9', rewards: [reward] },
      { customerId: 'f', promocodeId: 'pc-2', promotionId: undefined, rewards: [reward] },
    ],
    length: 6,
  });
  expect(farSide.received.map(({ url, body }) => [url, JSON.parse(body)])).toEqual([
    ['/v1/promotions/customerAssignments', { occurrenceId: '7', skip: 30, take: 10 }],
  ]);
});

test.each([
  ['an award of nobody', { ...item }],
  ['an award of no promocode', { customerId: 'a', rewards: [reward] }],
  ['a reward without a value', { ...item, customerId: 'a', rewards: [{ rewardTypeId: 'r' }] }],
  ['a text', 'a'],
])('a page with %s is not understood', async (_name, odd) => {
  answer = { items: [{ ...item, customerId: 'x' }, odd] };
  await expect(open().awards(page, reading())).rejects.toMatchObject({ kind: 'malformed' });
});

test('a page that Promotions would refuse is not asked for', () => {
  expect(() => open().awards({ ...page, take: 10_001 }, reading())).toThrow(RangeError);
  expect(farSide.received).toEqual([]);
});

test('the code of a promocode is told by its id', async () => {
  answer = { promocodeId: 'pc/1', code: 'SPRING25' };
  expect(await open().codeOf('pc/1', reading())).toBe('SPRING25');
  expect(farSide.received.map(({ method, url }) => [method, url])).toEqual([
    ['GET', '/v1/promocodes/pc%2F1'],
  ]);
});

test('a promocode that Promotions does not know has no code', async () => {
  status = 404;
  answer = { status: 404, error: 'Not Found' };
  expect(await open().codeOf('pc-1', reading())).toBeUndefined();
});

test.each([
  ['without a code', 200, { promocodeId: 'pc-1' }, 'malformed'],
  ['that is a list', 200, [], 'malformed'],
  ['of a far side that fails', 500, {}, 'unknown'],
  ['that refuses', 400, {}, 'refused'],
])('an answer %s is not taken for an unknown promocode', async (_name, code, body, kind) => {
  status = code;
  answer = body;
  await expect(open().codeOf('pc-1', reading())).rejects.toMatchObject({ kind });
});
