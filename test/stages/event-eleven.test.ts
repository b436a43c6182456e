import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TriggeredSettings } from '../../src/domain/tenant.ts';
import { holdByOperator } from '../../src/ledger/acts.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { shopKey } from '../decisions/gate.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { openGrants, type TestGrants } from './event-eleven.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: TestGrants[] = [];
afterEach(async () => {
  for (const grants of opened.splice(0)) {
    const found = await verify(ledger.pool, { tenant: grants.tenant });
    expect(found.flatMap(({ examples }) => examples)).toEqual([]);
    await grants.close();
  }
});

async function grantsOf(
  ...options: Parameters<typeof openGrants> extends [unknown, ...infer R] ? R : never
) {
  const grants = await openGrants(ledger, ...options);
  opened.push(grants);
  return grants;
}

describe('event 11 by its payload', () => {
  it('gives the codes of the payload, with what it said of the customer', async () => {
    const grants = await grantsOf();
    await grants.event('ann', { attributes: { VIP_LEVEL: 3 }, eventParams: { amount: 120 } });
    await grants.event('bob');
    expect(await grants.round()).toMatchObject({ heard: 2, laterMs: null });
    expect(grants.held().sort()).toEqual([grants.key('ann'), grants.key('bob')]);
    expect(grants.far.of('validate').map(({ body }) => body)).toMatchObject([
      { channelId: '611', sessionProperties: new Map([['ann', { VIP_LEVEL: 3, amount: 120 }]]) },
    ]);
    expect(grants.far.of('allocate').map(({ body }) => body)).toMatchObject([
      {
        campaign: { kind: 'triggered', notes: 'vip only', channelIds: ['611'] },
        allocations: [
          {
            customerId: 'ann',
            templateId: '14',
            attributes: { VIP_LEVEL: 3 },
            event: { amount: 120 },
          },
          { customerId: 'bob', templateId: '14' },
        ],
      },
    ]);
    expect(await grants.members()).toMatchObject([
      { customer: 'ann', state: 'allocated', clearance: 'approved' },
      { customer: 'bob', state: 'allocated', clearance: 'approved' },
    ]);
    expect(await grants.round()).toEqual({ heard: 0, pools: [], laterMs: null });
  });

  it('confirms what the gate allowed, and gives nothing again', async () => {
    const grants = await grantsOf();
    expect(await grants.ask('ann')).toMatchObject({ allowed: true });
    await grants.event('ann');
    await grants.event('ann');
    await grants.round();
    await grants.round();
    expect(grants.far.of('allocate')).toHaveLength(1);
    expect((await grants.inbox()).map(({ reason }) => reason)).toEqual([
      'it confirms what the gate allowed',
      'its trigger was heard before',
    ]);
  });

  it('gives nothing to whom the gate told false', async () => {
    const grants = await grantsOf();
    grants.far.rules.ineligible.add('ann');
    expect(await grants.ask('ann')).toMatchObject({ allowed: false });
    grants.far.rules.ineligible.delete('ann');
    await grants.event('ann');
    await grants.round();
    expect(grants.held()).toEqual([]);
    expect(await grants.inbox()).toMatchObject([{ reason: 'the gate answered false' }]);
  });

  it('of the same instance is heard once; of the next one it gives again', async () => {
    const grants = await grantsOf({
      triggered: { repeats: 'each', repeatWindowSeconds: 600 },
      withoutPromotions: true,
    });
    await grants.event('ann');
    await grants.event('ann');
    await grants.round();
    await grants.round();
    expect(grants.held()).toEqual([grants.key('ann')]);
    await ledger.pool.query(
      `update answer a set asked_at = asked_at - interval '11 minutes' from campaign c
       where c.ref = a.campaign and c.id = $1`,
      [grants.campaignId],
    );
    await grants.event('ann');
    await grants.round();
    expect(grants.held().sort()).toEqual([grants.key('ann'), grants.key('ann', 'SPINS', 1)]);
  });

  it('is one row when it is delivered twice', async () => {
    const grants = await grantsOf();
    const same = { timeStamp: '2027-01-01 10:00:00' };
    await Promise.all([grants.event('ann', same), grants.event('ann', same)]);
    await grants.round();
    expect(await grants.inbox()).toHaveLength(1);
    expect(grants.held()).toEqual([grants.key('ann')]);
  });

  it('refuses who is not eligible, screened out or suppressed, with the reason', async () => {
    const grants = await grantsOf({ tenant: { limits: { onlyCustomers: ['ann', 'bob'] } } });
    grants.far.rules.ineligible.add('ann');
    for (const customer of ['ann', 'bob', 'cid']) await grants.event(customer);
    await grants.round();
    expect(await grants.members()).toMatchObject([
      { customer: 'ann', state: 'refused', reason: 'not_eligible', clearance: 'none' },
      { customer: 'bob', state: 'allocated' },
      { customer: 'cid', state: 'screened_out' },
    ]);
  });

  it('gives without Promotions what the platform alone decides', async () => {
    const grants = await grantsOf({ withoutPromotions: true });
    await grants.event('ann');
    await grants.round();
    expect(await grants.members()).toMatchObject([{ state: 'allocated', clearance: 'approved' }]);
  });

  it('waits while the campaign is held, and is pointless once it is deleted', async () => {
    const grants = await grantsOf();
    await grants.event('ann');
    await grants.round();
    const id = { tenant: grants.tenant, campaignId: grants.campaignId };
    await holdByOperator(ledger.pool, id, { by: 'ops', request: 'r1', reason: 'a look' });
    await grants.event('bob');
    expect(await grants.round()).toEqual({ heard: 0, pools: [], laterMs: null });
    await fenceCampaign(ledger.pool, id, 'deleted');
    await ledger.pool.query('update campaign set held = null where id = $1', [grants.campaignId]);
    await grants.round();
    expect((await grants.inbox()).at(-1)).toMatchObject({
      status: 'started',
      reason: 'its campaign was taken back',
    });
    expect(grants.held()).toEqual([grants.key('ann')]);
  });

  it('gives nothing before the claim where rewards are claimed', async () => {
    const grants = await grantsOf({
      triggered: { activation: 'claimed' },
      tenant: { apiKeys: ['k'.repeat(32)] },
    });
    await grants.event('ann');
    await grants.round();
    expect(grants.far.sent).toEqual([]);
    expect(await grants.members()).toMatchObject([{ state: 'screened', clearance: 'approved' }]);
  });
});

/** What a pool waits for has been waited for so much longer. */
async function passTime(grants: TestGrants, seconds: number): Promise<void> {
  await ledger.pool.query(
    `update batch b set awaited_since = awaited_since - $2 * interval '1 s',
       again_at = again_at - $2 * interval '1 s'
     from campaign c where c.ref = b.campaign and c.id = $1`,
    [grants.campaignId, seconds],
  );
}

describe('what a campaign gives at once, or at the claim, is fixed with its first trigger', () => {
  function change(grants: TestGrants, other: Partial<TriggeredSettings>): void {
    Object.assign(grants.settings.triggered ?? {}, other);
  }

  it('also where the tenant gives at once from then on', async () => {
    const grants = await grantsOf({
      triggered: { activation: 'claimed' },
      tenant: { apiKeys: [shopKey] },
    });
    expect(await grants.ask('ann')).toMatchObject({ allowed: true });
    change(grants, { activation: 'immediate' });
    await grants.event('bob');
    await grants.round();
    expect(grants.held()).toEqual([]);
    expect(await grants.claim({ customerId: 'bob' })).toMatchObject({ status: 'granted' });
  });

  it('also where the tenant gives at the claim from then on', async () => {
    const grants = await grantsOf({ tenant: { apiKeys: [shopKey] } });
    expect(await grants.ask('ann')).toMatchObject({ allowed: true });
    change(grants, { activation: 'claimed' });
    await grants.event('bob');
    await grants.round();
    expect(grants.held().sort()).toEqual([grants.key('ann'), grants.key('bob')]);
  });

  it('whether a gate was asked then or not', async () => {
    const grants = await grantsOf({ triggered: { gate: 'off' } });
    await grants.event('ann');
    await grants.round();
    change(grants, { gate: 'managed' });
    expect(await grants.ask('bob')).toMatchObject({ allowed: true });
    expect(grants.held().sort()).toEqual([grants.key('ann'), grants.key('bob')]);
  });
});

describe('event 11 by the awards', () => {
  const byAwards = { triggered: { gate: false, executed: 'assignments' } };

  it('allocates what Promotions has awarded, and validates nobody', async () => {
    const grants = await grantsOf(byAwards);
    const { promotions } = grants.far.world;
    const awarded = { campaignId: grants.campaignId, seriesId: undefined };
    await promotions
      .validate({ ...awarded, promocodeId: 'id of SPINS', customerIds: ['ann'] })
      .send({ until: Infinity });
    await grants.event('ann');
    await grants.event('bob');
    await grants.round();
    await passTime(grants, 121);
    await grants.round();
    expect(grants.far.of('validate')).toHaveLength(1);
    expect(grants.held()).toEqual([grants.key('ann')]);
    expect(await grants.members()).toMatchObject([
      { customer: 'ann', state: 'allocated' },
      { customer: 'bob', state: 'refused', reason: 'not_awarded' },
    ]);
    expect(await grants.round()).toEqual({ heard: 0, pools: [], laterMs: null });
  });

  it('waits for an award that shows later, and gives the others meanwhile', async () => {
    const grants = await grantsOf(byAwards);
    const { promotions } = grants.far.world;
    const award = (customerId: string) =>
      promotions
        .validate({
          ...{ campaignId: grants.campaignId, seriesId: undefined },
          ...{ promocodeId: 'id of SPINS', customerIds: [customerId] },
        })
        .send({ until: Infinity });
    await award('ann');
    await grants.event('ann');
    await grants.event('bob');
    await grants.round();
    expect(await grants.members()).toMatchObject([
      { customer: 'ann', state: 'allocated', clearance: 'approved' },
      { customer: 'bob', state: 'screened' },
    ]);
    const { reads } = grants.far;
    const asked = reads.assignments;
    // Before its pause is over nobody asks, and the story knows when to look again.
    const { pools, laterMs } = await grants.round();
    expect([pools, reads.assignments]).toEqual([[], asked]);
    expect(laterMs).toBeGreaterThan(0);
    await award('bob');
    await passTime(grants, 30);
    await grants.round();
    expect(grants.held().sort()).toEqual([grants.key('ann'), grants.key('bob')]);
    expect(await grants.round()).toEqual({ heard: 0, pools: [], laterMs: null });
  });
});

describe('a worker that dies', () => {
  it.each(['validate', 'allocate'] as const)(
    'in %s loses nothing and gives nothing twice',
    async (kind) => {
      const grants = await grantsOf();
      await grants.event('ann');
      await grants.dieIn(kind);
      await expect
        .poll(
          async () => {
            await grants.round().catch(() => {});
            return grants.members();
          },
          { timeout: 10_000 },
        )
        .toMatchObject([{ state: 'allocated', clearance: 'approved', customer: 'ann' }]);
      expect(grants.far.allocations.size).toBe(1);
      expect([...grants.far.validated.values()]).toEqual([1]);
    },
  );

  it('finds out about an answer that was lost', async () => {
    const grants = await grantsOf();
    grants.far.mishap('allocate', { acts: true, fault: lostAnswer() });
    await grants.event('ann');
    await grants.round().catch(() => {});
    await expect
      .poll(
        async () => {
          await grants.round().catch(() => {});
          return grants.members();
        },
        { timeout: 10_000 },
      )
      .toMatchObject([{ state: 'allocated', clearance: 'approved' }]);
    expect(grants.far.of('allocate')).toHaveLength(1);
  });
});
