import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EffectKind } from '../../src/domain/effect.ts';
import { finishBatch } from '../../src/ledger/batches.ts';
import { claimBatch } from '../../src/ledger/columns.ts';
import { begin, settle } from '../../src/ledger/effects.ts';
import { pacesOf } from '../../src/ledger/pace.ts';
import { fenceCampaign, holdCampaign } from '../../src/ledger/standing.ts';
import { haltTenant } from '../../src/ledger/tenants.ts';
import { openedCampaign, openLedger, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
let campaign: Awaited<ReturnType<typeof runningCampaign>>;
beforeAll(async () => {
  ledger = await openLedger(4);
});
afterAll(() => ledger.close());
beforeEach(async () => {
  campaign = await runningCampaign(ledger.pool, rowsOf(20_100));
});

async function pace() {
  const [found] = await pacesOf(ledger.pool, [campaign.id.tenant]);
  return found;
}

async function answer(kind: EffectKind, batch: number, from: number, to: number): Promise<void> {
  const positions = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const beginning = await begin(
    ledger.pool,
    {
      ...{ campaign: campaign.ref, batch, kind, epoch: 1, positions, kept: {} },
      ...{ key: `${kind}/${batch}/${from}`, hash: 'h', token: 0, change: 0, aliveMs: 30_000 },
    },
    undefined,
  );
  if (beginning.verdict !== 'begun') throw new Error(`it is ${beginning.verdict}`);
  const { effect, slot } = beginning;
  const { pool } = ledger;
  await settle(
    pool,
    { campaign: campaign.ref, number: batch },
    { effect, slot, outcome: 'done', happenings: [] },
  );
}

describe('the pace of a campaign', () => {
  it('tells the audience, the instants and the recipe before anything was answered', async () => {
    expect(await pace()).toMatchObject({
      ...campaign.id,
      recipe: ['screen', 'validate', 'allocate', 'report', 'redeem'],
      ...{ standsStill: undefined, customers: 20_100, batches: 3, finishedBatches: 0, work: {} },
      recent: { calls: 0, ms: 0 },
    });
    const { at, instants } = (await pace()) ?? expect.fail();
    expect(Math.abs(at - Date.now())).toBeLessThan(5_000);
    expect(instants.stop).toBe(instants.deadline - 30_000);
  });

  it('counts finished batches, and calls answered lately', async () => {
    await answer('validate', 3, 1, 100);
    await answer('allocate', 3, 1, 100);
    await finishBatch(ledger.pool, await claimBatch(ledger.pool, campaign.ref, 3));
    const found = await pace();
    expect(found).toMatchObject({ finishedBatches: 1, finishedCustomers: 100 });
    expect(found?.recent.calls).toBe(2);
    expect(found?.recent.ms).toBeGreaterThan(0);
    expect(found?.work.validate).toEqual({ callsPerBatch: 1, begunBatches: 0, callsLeft: 0 });
  });

  it('expects of a batch in several calls as many as its members so far ask for', async () => {
    await answer('validate', 1, 1, 2_500);
    expect((await pace())?.work.validate).toMatchObject({ callsPerBatch: 1, callsLeft: 0 });
    await answer('validate', 1, 2_501, 5_000);
    const found = await pace();
    expect(found?.work.validate).toEqual({ callsPerBatch: 4, begunBatches: 1, callsLeft: 2 });
  });

  it('expects nothing more of a kind where a later one has begun', async () => {
    await answer('validate', 1, 1, 2_500);
    await answer('validate', 1, 2_501, 5_000);
    await answer('allocate', 1, 1, 5_000);
    expect((await pace())?.work).toEqual({
      validate: { callsPerBatch: 2, begunBatches: 1, callsLeft: 0 },
      allocate: { callsPerBatch: 1, begunBatches: 1, callsLeft: 0 },
    });
  });

  it('forgets what was answered long ago, and what does not count towards the deadline', async () => {
    await answer('validate', 1, 1, 2_500);
    await answer('revoke', 1, 1, 10);
    await ledger.pool.query(
      `update effect set answered = answered - interval '1 hour' where campaign = $1 and kind = 'validate'`,
      [campaign.ref],
    );
    const found = await pace();
    expect(found?.recent.calls).toBe(0);
    expect(Object.keys(found?.work ?? {})).toEqual(['validate']);
  });

  it('says that a held campaign or a halted tenant stands still', async () => {
    await holdCampaign(ledger.pool, campaign.ref, 'a test');
    expect((await pace())?.standsStill).toBe('held');
    await haltTenant(ledger.pool, campaign.id.tenant, 'platform', 'a test');
    expect((await pace())?.standsStill).toBe('halted');
  });

  it('knows no audience of a campaign that collects, unless Optimove told its count', async () => {
    const collecting = await openedCampaign(ledger.pool);
    const read = () => pacesOf(ledger.pool, [collecting.id.tenant]);
    expect(await read()).toMatchObject([{ customers: undefined, batches: 0 }]);
    await ledger.pool.query(`update campaign set details = '{"targeted": 7}' where ref = $1`, [
      collecting.ref,
    ]);
    expect(await read()).toMatchObject([{ customers: 7, batches: 0 }]);
  });

  it('is told by deadline, and not of fenced campaigns or other tenants', async () => {
    const { tenant } = campaign.id;
    const sooner = { id: { tenant, campaignId: 'sooner' }, deadlineInMs: 600_000 };
    await openedCampaign(ledger.pool, sooner);
    await openedCampaign(ledger.pool);
    const ids = async () => (await pacesOf(ledger.pool, [tenant])).map((one) => one.campaignId);
    expect(await ids()).toEqual(['sooner', '4711']);
    await fenceCampaign(ledger.pool, campaign.id, 'deleted');
    expect(await ids()).toEqual(['sooner']);
  });
});
