import { describe, expect, it } from 'vitest';
import { chooseTier } from '../../sandbox/promotions/tiers.ts';
import { customer, FLAT, type Json, PLAIN, play } from './caller.ts';

const valid = (json: Json) =>
  json.contexts
    .filter((context: Json) => context.valid)
    .map((context: Json) => context.customerId)
    .sort();

describe('tiers', () => {
  const reward = [{ rewardTypeId: 'free-spins', category: 'UNITS' as const, value: 1 }];
  const tier = (id: string, conditions: Json[]) => ({ id, name: id, conditions, rewards: reward });
  const choose = (tiers: ReturnType<typeof tier>[], properties: Record<string, unknown>) =>
    chooseTier(tiers, (name) => properties[name]);

  it('are tried in their order, the first that holds wins', () => {
    const rich = tier('rich', [{ property: 'money', comparison: 'GTE', value: 100 }]);
    const all = tier('all', []);
    expect(choose([rich, all], { money: 100 })).toBe(0);
    expect(choose([rich, all], { money: 99 })).toBe(1);
    expect(choose([all, rich], { money: 100 })).toBe(0);
    expect(choose([rich], { money: 1 })).toBe(-1);
  });

  it('follow a condition tree from its parents', () => {
    // level is gold AND (money over 10 OR country among MT, SE)
    const nested = tier('nested', [
      { operator: 'AND' },
      { parent: 0, property: 'level', comparison: 'EQ', value: 'gold' },
      { parent: 0, operator: 'OR' },
      { parent: 2, property: 'money', comparison: 'GT', value: 10 },
      { parent: 2, property: 'country', comparison: 'IN', value: ['MT', 'SE'] },
    ]);
    expect(choose([nested], { level: 'gold', money: 11 })).toBe(0);
    expect(choose([nested], { level: 'gold', country: 'SE' })).toBe(0);
    expect(choose([nested], { level: 'gold', money: 10, country: 'DE' })).toBe(-1);
    expect(choose([nested], { level: 'base', money: 11 })).toBe(-1);
  });

  it('hold no comparison with a property that is missing', () => {
    for (const comparison of ['EQ', 'GT', 'GTE', 'LT', 'LTE', 'IN', 'CONTAINS', 'EXISTS']) {
      expect(choose([tier('a', [{ property: 'x', comparison, value: 1 }])], {})).toBe(-1);
    }
  });
});

describe('promocodes', () => {
  it('are found by code and by id, and an unknown code finds nothing', async () => {
    const { promotions } = await play();
    const found = {
      promocodeId: 'pc-fs10',
      code: 'FS10',
      type: 'UNIQUE',
      promotionId: 'pr-fs10',
      status: 'ACTIVE',
    };
    expect((await promotions('/v1/promocodes?code=FS10')).json).toEqual({ items: [found] });
    expect((await promotions('/v1/promocodes/pc-fs10')).json).toEqual(found);
    expect((await promotions('/v1/promocodes?code=NOPE')).json).toEqual({ items: [] });
    expect((await promotions('/v1/promocodes/pc-nope')).status).toBe(404);
  });

  it('lead to a promotion that tells its tiers and budgets', async () => {
    const { sandbox, promotions } = await play();
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 5 });
    expect((await promotions('/v1/promotions/pr-spring25')).json).toMatchObject({
      promotionTiers: [{ id: 'gold' }, { id: 'silver' }, { id: 'base' }],
      publishingBudgets: { audienceCap: 5, rewardBudgets: [] },
    });
  });
});

describe('validation', () => {
  it('chooses tiers by attributes, and has no effect for who fits none', async () => {
    const { sandbox, validate } = await play();
    const shares = { ...PLAIN, noTierShare: 0.1 };
    const id = sandbox.createCampaign('acme', { customers: 300, ...shares });
    const all = Array.from({ length: 300 }, (_, at) => customer(at));
    const { json } = await validate(id, 'SPRING25', all);
    expect(json).toMatchObject({ promocodeId: 'pc-spring25', promotionId: 'pr-spring25' });
    expect(json.contexts).toHaveLength(300);
    const values = new Map<string, unknown>();
    for (const { effects } of json.contexts) values.set(effects[0]?.tierId, effects[0]?.value);
    expect(Object.fromEntries(values)).toEqual({
      gold: 50,
      silver: 25,
      base: 10,
      undefined: undefined,
    });
    const { validated, refused } = sandbox.verdict('acme', id);
    expect([validated + refused, refused > 0]).toEqual([300, true]);
  });

  it('spends cap and budget in the order of the request', async () => {
    const { sandbox, validate } = await play({ catalog: FLAT });
    const id = sandbox.createCampaign('acme', { customers: 10, ...PLAIN });
    const budget = [{ rewardTypeId: 'free-spins', total: 35 }];
    sandbox.changePromotion('acme', 'SPRING25', { rewardBudgets: budget });
    const order = [5, 3, 8, 1, 0].map(customer);
    const { json } = await validate(id, 'SPRING25', order);
    expect(valid(json)).toEqual([3, 5, 8].map(customer));
    expect(json.contexts[0]).toEqual({
      customerId: customer(0),
      valid: false,
      effects: [],
      reason: 'BUDGET_EXCEEDED',
    });
    sandbox.changePromotion('acme', 'SPRING25', { rewardBudgets: [], audienceCap: 4 });
    expect(valid((await validate(id, 'SPRING25', order.slice(3))).json)).toEqual([customer(1)]);
    expect(sandbox.verdict('acme', id).budgetSpent).toEqual({ 'free-spins': 40 });
  });

  it('finds nobody eligible once the promotion is deactivated', async () => {
    const { sandbox, validate } = await play({ catalog: FLAT });
    const id = sandbox.createCampaign('acme', { customers: 2, ...PLAIN });
    sandbox.changePromotion('acme', 'SPRING25', { state: 'deactivated' });
    const { json } = await validate(id, 'SPRING25', [customer(0)]);
    expect(json.contexts[0]).toMatchObject({ valid: false, reason: 'PROMOTION_INACTIVE' });
  });

  it('hands out each unique code once', async () => {
    const { sandbox, validate } = await play({ catalog: FLAT });
    const shares = { ...PLAIN, severalCodesShare: 1 };
    const id = sandbox.createCampaign('acme', { customers: 120, ...shares });
    const all = Array.from({ length: 120 }, (_, at) => customer(at));
    const { contexts } = (await validate(id, 'FS10', all)).json;
    const codes = contexts.flatMap(({ effects }: Json) => effects.map(({ code }: Json) => code));
    expect(new Set(codes).size).toBe(100);
    expect(contexts[0].reason).toBe('NO_CODES_LEFT');
  });

  it('spends nothing before the approval in that profile', async () => {
    const { sandbox, validate, report } = await play({ catalog: FLAT });
    sandbox.setProfile('acme', { validationConsumes: false });
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 1 });
    const id = sandbox.createCampaign('acme', { customers: 3, ...PLAIN });
    const { json } = await validate(id, 'SPRING25', [customer(0), customer(1)]);
    expect(valid(json)).toHaveLength(2);
    await report(id, { [customer(0)]: true });
    expect(valid((await validate(id, 'SPRING25', [customer(2)])).json)).toEqual([]);
  });

  it('ignores an unknown customer, or fails the call, by the profile', async () => {
    const { sandbox, validate } = await play({ catalog: FLAT });
    const id = sandbox.createCampaign('acme', { customers: 1, ...PLAIN });
    const ignored = await validate(id, 'SPRING25', [customer(0), 'P-99999999']);
    expect(valid(ignored.json)).toEqual([customer(0)]);
    sandbox.setProfile('acme', { unknownIds: 'fail' });
    expect((await validate(id, 'SPRING25', ['P-99999999'])).status).toBe(400);
  });
});

describe('customer assignments', () => {
  const read = '/v1/promotions/customerAssignments';

  it('list what validation gave, in pages, by code and by customer', async () => {
    const { sandbox, validate, promotions } = await play({ catalog: FLAT });
    const shares = { ...PLAIN, severalCodesShare: 1 };
    const id = sandbox.createCampaign('acme', { customers: 5, ...shares });
    const { contexts } = (await validate(id, 'FS10', [0, 1, 2].map(customer))).json;
    const code = contexts.find((context: Json) => context.customerId === customer(1)).effects[0]
      .code;
    await validate(id, 'SPRING25', [customer(4)]);
    const page = await promotions(read, { occurrenceId: id, skip: 1, take: 2 });
    expect(page.json.total).toBe(4);
    expect(page.json.items.map(({ customerId }: Json) => customerId)).toEqual([0, 1].map(customer));
    const one = await promotions(read, {
      occurrenceId: id,
      promocodeId: 'pc-fs10',
      customerIds: [customer(1), customer(4)],
    });
    expect(one.json).toMatchObject({
      total: 1,
      items: [
        {
          customerId: customer(1),
          status: 'ASSIGNED',
          occurrenceId: id,
          promocodeId: 'pc-fs10',
          rewards: [{ rewardTypeId: 'free-spins', value: 5, code }],
        },
      ],
    });
  });

  it('appear only after execution, or list the refused too, by the profile', async () => {
    const { sandbox, validate, promotions, report } = await play({ catalog: FLAT });
    const id = sandbox.createCampaign('acme', {
      customers: 3,
      ...PLAIN,
      hookUrl: 'http://127.0.0.1:1',
    });
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 1 });
    await validate(id, 'SPRING25', [customer(0), customer(1)]);
    sandbox.setProfile('acme', { rejectedAwards: true });
    const { items } = (await promotions(read, { occurrenceId: id })).json;
    expect(items.map(({ status, rewards }: Json) => [status, rewards.length])).toEqual([
      ['ASSIGNED', 1],
      ['REJECTED', 0],
    ]);
    sandbox.setProfile('acme', { awards: 'execution', rejectedAwards: false });
    expect((await promotions(read, { occurrenceId: id })).json.total).toBe(0);
    await report(id, { [customer(0)]: true });
    await sandbox.execute('acme', id);
    expect((await promotions(read, { occurrenceId: id })).json.total).toBe(1);
  });
});
