import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { countCampaign } from '../../src/ledger/counts.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { spreadSuppressions } from '../../src/ledger/suppression-marks.ts';
import { suppress } from '../../src/ledger/suppressions.ts';
import { timeline } from '../../src/ledger/timeline.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { lostAnswer } from '../stages/far-sides.ts';
import { type Options, openShop, type Shop } from './shop.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: Shop[] = [];
afterEach(async () => {
  for (const shop of opened.splice(0)) {
    const found = await verify(ledger.pool, { tenant: shop.tenant });
    expect(found.flatMap(({ examples }) => examples)).toEqual([]);
    await shop.closeDoors();
  }
});

async function shopOf(options: Options = {}): Promise<Shop> {
  const shop = await openShop(ledger, options);
  opened.push(shop);
  return shop;
}

test('the screened audience is approved, and nothing is given before the claim', async () => {
  const { far, members } = await shopOf();
  expect(far.cleared).toEqual(new Map(['ann', 'bob', 'cleo'].map((one) => [one, true])));
  expect(far.of('allocate')).toEqual([]);
  expect(far.of('validate')).toEqual([]);
  expect((await members()).map(({ state }) => state)).toEqual(['screened', 'screened', 'screened']);
});

test('a claim gives the reward that the platform holds, and tells its code and its end', async () => {
  const shop = await shopOf();
  const answer = await shop.claim('ann');
  expect(answer).toMatchObject({
    http: 200,
    status: 'granted',
    rewards: [{ rewardTypeId: 'spins', value: 10, code: 'U-ann id of SPINS' }],
    code: 'U-ann id of SPINS',
  });
  expect(Date.parse(answer.expiresAt ?? '')).toBeGreaterThan(Date.now() + 6 * 86_400_000);
  expect(shop.held()).toEqual([shop.key('ann')]);
  expect(await shop.members()).toMatchObject([
    { customer: 'ann', state: 'allocated', clearance: 'approved' },
    { customer: 'bob', state: 'screened', clearance: 'approved' },
    { customer: 'cleo', state: 'screened', clearance: 'approved' },
  ]);
});

test('the same click again hears the same, another claim of the customer hears of the same reward', async () => {
  const shop = await shopOf();
  const click = { claimId: 'one', customerId: 'ann' };
  const [first, second] = await Promise.all([shop.claim(click), shop.claim(click)]);
  expect(second).toEqual(first);
  expect(await shop.claim(click)).toEqual(first);
  expect(await shop.claim('ann')).toEqual({ ...first, status: 'already_granted' });
  expect(shop.far.of('allocate').length).toBe(1);
});

test('a double click at two gateways is one reward and two equal answers', async () => {
  const customers = Array.from({ length: 40 }, (_, index) => `c${index}`);
  const shop = await shopOf({ customers });
  const second = await shop.open();
  for (const customerId of customers) {
    const click = { claimId: `click of ${customerId}`, customerId };
    const [one, other] = await Promise.all([shop.claim(click), shop.claim(click, second)]);
    expect(one).toMatchObject({ http: 200, status: 'granted' });
    expect(other).toEqual(one);
  }
  expect(shop.held().length).toBe(customers.length);
  expect([...shop.far.validated.values()].every((times) => times === 1)).toBe(true);
});

test('two claims of one customer through two gateways are one reward, many times over', async () => {
  const customers = Array.from({ length: 120 }, (_, index) => `c${index}`);
  const shop = await shopOf({ customers });
  const second = await shop.open();
  for (let start = 0; start < customers.length; start += 12) {
    await Promise.all(
      customers.slice(start, start + 12).map(async (customerId) => {
        const claims = await Promise.all([
          shop.claim(customerId),
          shop.claim(customerId, second),
          shop.claim(customerId, second),
        ]);
        expect(claims.map(({ status }) => status).sort()).toEqual([
          'already_granted',
          'already_granted',
          'granted',
        ]);
        expect(new Set(claims.map(({ code }) => code)).size).toBe(1);
      }),
    );
  }
  expect([...shop.far.validated.values()].every((times) => times === 1)).toBe(true);
  expect(shop.held().length).toBe(customers.length);
  const counted = await countCampaign(ledger.pool, shop.ref);
  expect(counted).toMatchObject({ audience: 120, states: { allocated: 120 } });
});

test('what may not be claimed is refused in words of its own', async () => {
  const shop = await shopOf({ customers: ['ann', 'denied', 'poor', 'unlucky', 'barred', 'early'] });
  shop.far.rules.ineligible.add('poor');
  shop.far.rules.declined.add('unlucky');
  await suppress(ledger.pool, shop.tenant, ['barred'], {
    by: 'ops',
    reason: 'asked for it',
    request: randomUUID(),
  });
  expect(await shop.claim('stranger')).toMatchObject({ http: 404, reason: 'not_targeted' });
  expect(await shop.claim('denied')).toMatchObject({ http: 404, reason: 'not_targeted' });
  expect(await shop.claim('poor')).toMatchObject({ http: 409, reason: 'not_eligible' });
  expect(await shop.claim('unlucky')).toMatchObject({ http: 409, reason: 'declined' });
  expect(await shop.claim('barred')).toMatchObject({ http: 403, reason: 'suppressed' });
  expect(await shop.claim({ customerId: 'ann', promoCode: 'OTHER' })).toMatchObject({
    reason: 'not_targeted',
  });
  expect(await shop.claim('poor')).toMatchObject({ http: 409, reason: 'not_eligible' });
  expect(shop.held()).toEqual([]);
});

test.each(['budget_exceeded', 'audience_cap_reached', 'Reward budget is used up'])(
  'a customer who comes after the budget hears that it is gone, however often: %s',
  async (reason) => {
    const shop = await shopOf();
    const { promotions } = shop.far.world;
    const { validate } = promotions;
    const asked: string[] = [];
    vi.spyOn(promotions, 'validate').mockImplementation((body) => ({
      ...validate(body),
      send: async () => {
        asked.push(...body.customerIds);
        return new Map(body.customerIds.map((id) => [id, { eligible: false, reason }]));
      },
    }));
    expect(await shop.claim('ann')).toMatchObject({ http: 409, reason: 'budget_gone' });
    expect(await shop.claim('ann')).toMatchObject({ http: 409, reason: 'budget_gone' });
    expect(asked).toEqual(['ann']);
    expect(shop.held()).toEqual([]);
  },
);

test('claims open with the execution', async () => {
  const shop = await shopOf({ isEarly: true });
  expect(await shop.claim('ann')).toMatchObject({ http: 409, reason: 'not_open' });
  await shop.passDeadline();
  expect(await shop.claim('ann')).toMatchObject({ status: 'granted' });
});

test('a campaign without duration is over at its execution', async () => {
  const shop = await shopOf({ plan: { durationDays: 0 } });
  expect(await shop.claim('ann')).toMatchObject({ http: 410, reason: 'expired' });
});

test('after the end of the rewards what nobody claimed lapses, and what was claimed is taken back', async () => {
  const shop = await shopOf();
  await shop.claim('ann');
  await shop.close();
  expect((await shop.members()).map(({ state }) => state)).toEqual([
    'allocated',
    'screened',
    'screened',
  ]);
  await shop.takeBack('expired');
  expect(await shop.members()).toMatchObject([
    { customer: 'ann', state: 'expired' },
    { customer: 'bob', state: 'lapsed', reason: 'unclaimed' },
    { customer: 'cleo', state: 'lapsed', reason: 'unclaimed' },
  ]);
  expect(shop.held()).toEqual([]);
  expect(await shop.claim('bob')).toMatchObject({ http: 410, reason: 'expired' });
});

test('a deleted campaign takes back what was claimed, and gives nothing more', async () => {
  const shop = await shopOf();
  await shop.claim('ann');
  await fenceCampaign(ledger.pool, shop.tenantId, 'deleted');
  expect(await shop.claim('bob')).toMatchObject({ http: 410, reason: 'canceled' });
  expect(await shop.claim('ann')).toMatchObject({ http: 410, reason: 'canceled' });
  await shop.takeBack('canceled');
  expect(shop.held()).toEqual([]);
});

test.each([true, false])(
  'a lost validation is busy until settlement knows, and then granted (it acted: %s)',
  async (acts) => {
    const shop = await shopOf();
    shop.far.mishap('validate', { acts, fault: lostAnswer() });
    const click = { claimId: 'one', customerId: 'ann' };
    expect(await shop.claim(click)).toMatchObject({ http: 503, reason: 'busy' });
    await expect.poll(() => settledClaim(shop, click), { timeout: 10_000 }).toBe('granted');
    expect(shop.far.validated.get('ann id of SPINS')).toBe(1);
    expect(shop.held()).toEqual([shop.key('ann')]);
  },
);

test.each([true, false])(
  'a lost allocation is busy until settlement knows, and then granted once (it acted: %s)',
  async (acts) => {
    const shop = await shopOf();
    shop.far.mishap('allocate', { acts, fault: lostAnswer() });
    const click = { claimId: 'one', customerId: 'ann' };
    expect(await shop.claim(click)).toMatchObject({ http: 503, reason: 'busy' });
    await expect.poll(() => settledClaim(shop, click), { timeout: 10_000 }).toBe('granted');
    expect(shop.held()).toEqual([shop.key('ann')]);
  },
);

async function settledClaim(shop: Shop, click: { claimId: string; customerId: string }) {
  await shop.settle();
  const pending = await ledger.pool.query(
    'select from batch where campaign = $1 and claimed_until is not null and not finished',
    [shop.ref],
  );
  return pending.rowCount === 0 ? (await shop.claim(click)).status : 'busy';
}

test('Optimove is told of all who have claimed, in one call after the deadline, and of nobody twice', async () => {
  const shop = await shopOf();
  const { far } = shop;
  far.sent.length = 0;
  await shop.claim('ann');
  await shop.claim('bob');
  await expect
    .poll(async () => {
      await shop.hurry();
      await shop.settle();
      return far.of('report').flatMap((one) => (one.kind === 'report' ? one.body.customers : []));
    })
    .toHaveLength(2);
  await shop.hurry();
  await shop.settle();
  expect(
    far.of('report').flatMap((one) => (one.kind === 'report' ? one.body.customers : [])),
  ).toEqual(
    expect.arrayContaining([
      { customerId: 'ann', approved: true },
      { customerId: 'bob', approved: true },
    ]),
  );
  expect(far.of('report').length).toBeLessThanOrEqual(2);
});

test('a lost confirmation is repeated to the letter', async () => {
  const shop = await shopOf();
  shop.far.sent.length = 0;
  await shop.claim('ann');
  shop.far.mishap('report', { acts: true, fault: lostAnswer() });
  await expect
    .poll(async () => {
      await shop.hurry();
      await shop.settle().catch(() => {});
      return shop.far.of('report').length;
    })
    .toBe(2);
  const [first, second] = shop.far.of('report');
  expect(second?.hash).toBe(first?.hash);
});

test('where the tenant wants none, nobody is confirmed', async () => {
  const shop = await shopOf({ reportStatus: 'off' });
  shop.far.sent.length = 0;
  await shop.claim('ann');
  await expect
    .poll(async () => {
      await shop.settle();
      return (await shop.members())[0]?.redemption;
    })
    .toBe('told');
  expect(shop.far.of('report')).toEqual([]);
});

test('the redemption of a claim is told', async () => {
  const shop = await shopOf();
  await shop.claim('ann');
  await expect
    .poll(async () => {
      await shop.settle();
      return shop.far.redeemed.size;
    })
    .toBe(1);
});

test('the redemptions of claims that came one by one share a call', async () => {
  const shop = await shopOf();
  for (const customer of ['ann', 'bob', 'cleo']) await shop.claim(customer);
  await shop.settle();
  expect(shop.far.of('redeem').length).toBe(1);
  expect((await shop.members()).map(({ redemption }) => redemption)).toEqual([
    'told',
    'told',
    'told',
  ]);
});

test('a confirmation goes before all bulk work of later deadlines, not after it', async () => {
  const shop = await shopOf();
  await shop.claim('ann');
  const next = vi.spyOn(shop.house.turns, 'next');
  await shop.hurry();
  await shop.settle();
  const ranks = next.mock.calls.map(([, rank]) => rank);
  expect(shop.far.cleared.get('ann')).toBe(true);
  expect(ranks.filter(({ deadline }) => deadline < Date.now())).toEqual([
    expect.objectContaining({ class: 'bulk' }),
  ]);
});

test('a suppression while a claim is validated leaves nothing given', async () => {
  const shop = await shopOf();
  shop.far.mishap('validate', {
    acts: true,
    meanwhile: async () => {
      const by = { by: 'ops', reason: 'asked for it', request: randomUUID() };
      await suppress(ledger.pool, shop.tenant, ['ann'], by);
      await spreadSuppressions(ledger.pool, shop.tenant);
    },
  });
  expect(await shop.claim('ann')).toMatchObject({ http: 403, reason: 'suppressed' });
  expect(shop.held()).toEqual([]);
});

test('what is true of the moment reaches the validation', async () => {
  const shop = await shopOf();
  await shop.claim({ customerId: 'ann', sessionProperties: { depositAmount: 120 } });
  const [sent] = shop.far.of('validate');
  const told = sent?.kind === 'validate' ? sent.body.sessionProperties : undefined;
  expect(told?.get('ann')).toEqual({ depositAmount: 120 });
});

test('one of two codes may be claimed alone, and the other later', async () => {
  const shop = await shopOf({ codes: ['SPINS', 'CASH'] });
  expect(await shop.claim({ customerId: 'ann', promoCode: 'CASH' })).toMatchObject({
    status: 'granted',
  });
  expect(shop.held()).toEqual([shop.key('ann', 'CASH')]);
  const all = await shop.claim('ann');
  expect(all.rewards?.length).toBe(2);
  expect(await shop.claim('bob')).toMatchObject({ status: 'granted' });
  expect(shop.held().length).toBe(4);
  const counted = await countCampaign(ledger.pool, shop.ref);
  expect(counted).toMatchObject({ audience: 3, states: { allocated: 4, screened: 2 } });
});

test('without Promotions the platform decides alone', async () => {
  const shop = await shopOf({ withoutPromotions: true });
  expect(await shop.claim('ann')).toMatchObject({ status: 'granted', rewards: [] });
  expect(shop.held()).toEqual([shop.key('ann')]);
});

test('event 4 in the middle of a claim leaves nothing given', async () => {
  const shop = await shopOf();
  shop.far.mishap('validate', {
    acts: true,
    meanwhile: () => fenceCampaign(ledger.pool, shop.tenantId, 'deleted'),
  });
  expect(await shop.claim('ann')).toMatchObject({ http: 410, reason: 'canceled' });
  await shop.takeBack('canceled');
  expect(shop.held()).toEqual([]);
  expect(shop.far.of('allocate')).toEqual([]);
});

test('event 4 while an allocation is on the wire takes it back', async () => {
  const shop = await shopOf();
  shop.far.mishap('allocate', {
    acts: true,
    meanwhile: () => fenceCampaign(ledger.pool, shop.tenantId, 'deleted'),
  });
  expect(await shop.claim('ann')).toMatchObject({ http: 410, reason: 'canceled' });
  await shop.takeBack('canceled');
  expect(shop.held()).toEqual([]);
});

test.each(['validate', 'allocate'] as const)(
  'a gateway that dies after its %s leaves a claim that settlement brings to its end',
  async (kind) => {
    const shop = await shopOf();
    const dying = await shop.open();
    shop.far.mishap(kind, { acts: true, meanwhile: () => dying.pool.end() });
    await shop.claim({ claimId: 'one', customerId: 'ann' }, dying);
    await ledger.pool.query(
      'update batch set claimed_until = clock_timestamp() where campaign = $1 and claimed_until is not null',
      [shop.ref],
    );
    const click = { claimId: 'one', customerId: 'ann' };
    await expect.poll(() => settledClaim(shop, click), { timeout: 10_000 }).toBe('granted');
    expect(shop.far.validated.get('ann id of SPINS')).toBe(1);
    expect(shop.held()).toEqual([shop.key('ann')]);
  },
);

test('a held tenant is busy, and gives after the release', async () => {
  const shop = await shopOf();
  const hold = (reason: string | null) =>
    ledger.pool.query('update tenant set held = $2 where name = $1', [
      shop.tenant,
      reason && JSON.stringify({ reason }),
    ]);
  await hold('a person looks');
  expect(await shop.claim('ann')).toMatchObject({ http: 503, reason: 'busy' });
  await hold(null);
  expect(await shop.claim('ann')).toMatchObject({ status: 'granted' });
});

test('claims wait for their turn together, and the limit is kept', async () => {
  const customers = Array.from({ length: 60 }, (_, index) => `c${index}`);
  const shop = await shopOf({ customers });
  shop.far.rules.limit = { bucket: randomUUID(), requests: 50, perMs: 1_000, spaced: true };
  const answers = await Promise.all(customers.map((customerId) => shop.claim(customerId)));
  expect(answers.every(({ status }) => status === 'granted')).toBe(true);
  expect(shop.far.of('validate').length).toBeLessThan(30);
});

test('the story of a customer tells of the approval, the claim and the gift', async () => {
  const shop = await shopOf();
  await shop.claim('ann');
  const [story] = await timeline(ledger.pool, { tenant: shop.tenant, customerId: 'ann' });
  expect(story).toMatchObject({ state: 'allocated', clearance: 'approved', reason: null });
  expect(story?.moments.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['targeted', 'screened', 'told', 'claimed', 'validated', 'allocated']),
  );
});
