import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { record } from '../../src/ledger/batches.ts';
import { appendChange, claimBatch, readBatch } from '../../src/ledger/columns.ts';
import {
  aliveFor,
  begin,
  giveUpEffects,
  type Intent,
  keptOf,
  markUnknown,
  openEffects,
  settle,
} from '../../src/ledger/effects.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { fenceCampaign, holdCampaign } from '../../src/ledger/standing.ts';
import { haltTenant } from '../../src/ledger/tenants.ts';
import type { SlotRequest } from '../../src/world.ts';
import { openLedger, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

let campaign: Awaited<ReturnType<typeof runningCampaign>>;
beforeEach(async () => {
  campaign = await runningCampaign(ledger.pool, rowsOf(4));
});

function intent(given: Partial<Intent> = {}): Intent {
  return {
    campaign: campaign.ref,
    batch: 1,
    kind: 'validate',
    epoch: 1,
    key: 'validate/1',
    hash: 'h1',
    positions: [1, 2],
    kept: { at: 1 },
    token: 0,
    change: 0,
    aliveMs: 60_000,
    ...given,
  };
}

async function verdictOf(given: Partial<Intent> = {}, slot?: SlotRequest): Promise<string> {
  return (await begin(ledger.pool, intent(given), slot)).verdict;
}

async function begun(given: Partial<Intent> = {}): Promise<number> {
  const beginning = await begin(ledger.pool, intent(given), undefined);
  if (beginning.verdict !== 'begun') throw new Error(`it is ${beginning.verdict}`);
  return beginning.effect;
}

function settled(effect: number, outcome: 'done' | 'refused' | 'not_sent', slot?: number) {
  return settle(
    ledger.pool,
    { campaign: campaign.ref, number: 1 },
    {
      effect,
      slot,
      outcome,
      happenings: outcome === 'done' ? [{ position: 1, state: 'passed' }] : [],
    },
  );
}

function slotOf(requests: number): SlotRequest {
  return {
    bucket: randomUUID(),
    requests,
    windowMs: 60_000,
    spaced: false,
    process: randomUUID(),
    class: 'bulk',
    deadline: Date.now(),
    stage: 1,
  };
}

test('an effect that is admitted is begun, with its members and what is kept of its body', async () => {
  await begun({ positions: [4, 2, 1] });
  const [open] = await openEffects(ledger.pool, campaign.ref);
  expect(open).toMatchObject({
    kind: 'validate',
    hash: 'h1',
    positions: [1, 2, 4],
    kept: { at: 1 },
  });
  expect(open?.aliveForMs).toBeGreaterThan(50_000);
  expect(await keptOf(ledger.pool, campaign.ref, 'validate/1')).toEqual({ at: 1 });
});

test('while an earlier attempt may be on the wire it is alive, and says for how long', async () => {
  await begun();
  const again = await begin(ledger.pool, intent(), undefined);
  expect(again).toEqual({ verdict: 'alive', waitMs: expect.any(Number) });
  expect('waitMs' in again && again.waitMs).toBeGreaterThan(50_000);
});

test('once it can no longer be on the wire it begins again under the same key', async () => {
  const first = await begun({ aliveMs: 0 });
  expect(await begun()).toBe(first);
});

test('the same key with another body is an error while it has no outcome', async () => {
  await begun({ aliveMs: 0 });
  await expect(begin(ledger.pool, intent({ hash: 'h2' }), undefined)).rejects.toMatchObject({
    code: 'PF001',
  });
});

test('what was not sent or was refused may be built anew; what is done or given up may not', async () => {
  await settled(await begun(), 'not_sent');
  await settled(await begun({ hash: 'h2', kept: { at: 2 } }), 'refused');
  const last = await begun({ hash: 'h3', kept: { at: 3 }, aliveMs: 0 });
  expect(await keptOf(ledger.pool, campaign.ref, 'validate/1')).toEqual({ at: 3 });
  await settled(last, 'done');
  expect(await verdictOf({ hash: 'h4' })).toBe('done');
  await begun({ key: 'validate/2', aliveMs: 0 });
  await giveUpEffects(ledger.pool, campaign.ref, 'the deadline');
  expect(await verdictOf({ key: 'validate/2', hash: 'h5' })).toBe('done');
});

test('what is done stays done, whatever stands against the campaign now', async () => {
  await settled(await begun(), 'done');
  await fenceCampaign(ledger.pool, campaign.id, 'deleted');
  expect(await verdictOf()).toBe('done');
});

test('without a slot nothing begins, and the caller learns when to come back', async () => {
  const slot = slotOf(1);
  const first = await begin(ledger.pool, intent(), slot);
  expect(first).toMatchObject({ verdict: 'begun', slot: expect.any(Number) });
  const second = await begin(ledger.pool, intent({ key: 'validate/2', positions: [3] }), slot);
  expect(second).toEqual({ verdict: 'wait', waitMs: expect.any(Number) });
  expect(await openEffects(ledger.pool, campaign.ref)).toHaveLength(1);
});

test('a member that changed since the body was built makes it stale, also when folded', async () => {
  const place = { campaign: campaign.ref, batch: 1, position: 4 };
  await transaction(ledger.pool, (connection) =>
    appendChange(connection, place, { fact: 'state', cause: 'screened_out' }),
  );
  expect(await verdictOf()).toBe('stale');
  const effect = await begun({ kind: 'revoke', key: 'revoke/1', change: Number.MAX_SAFE_INTEGER });
  await settled(effect, 'done');
  expect(await verdictOf()).toBe('stale');
  const read = await readBatch(ledger.pool, campaign.ref, 1);
  expect(await verdictOf({ change: read?.change ?? 0 })).toBe('begun');
});

test('a newer claim supersedes whoever built before it', async () => {
  const { token } = await claimBatch(ledger.pool, campaign.ref, 1);
  expect(await verdictOf()).toBe('superseded');
  expect(await verdictOf({ token })).toBe('begun');
});

test('no report begins over members whose earlier report is open, but its own repeat does', async () => {
  await begun({ kind: 'approve', key: 'report/1', positions: [1, 2], aliveMs: 0 });
  expect(await verdictOf({ kind: 'deny', key: 'report/2', positions: [2, 3] })).toBe('open_report');
  expect(await verdictOf({ kind: 'approve', key: 'report/3', positions: [3, 4] })).toBe('begun');
  expect(await verdictOf({ kind: 'repeat', key: 'report/1', positions: [1, 2] })).toBe('begun');
  const kinds = (await openEffects(ledger.pool, campaign.ref)).map(({ kind }) => kind);
  expect(kinds).toEqual(['approve', 'approve']);
});

test('a repeat that was surely not sent leaves the first copy as unknown as it was', async () => {
  const first: Partial<Intent> = { kind: 'redeem', key: 'redeem/1' };
  await begun({ ...first, aliveMs: 0 });
  await settled(await begun(first), 'not_sent');
  const open = await openEffects(ledger.pool, campaign.ref);
  expect(open.map(({ key, aliveForMs }) => ({ key, aliveForMs }))).toEqual([
    { key: 'redeem/1', aliveForMs: 0 },
  ]);
  await expect(verdictOf({ ...first, hash: 'h2' })).rejects.toThrow(/another body/);
  expect(await verdictOf(first)).toBe('begun');
});

test('no report overtakes the first copy of one that was repeated, wherever its process died', async () => {
  await begun({ kind: 'approve', key: 'report/1', positions: [1, 2] });
  const effect = await begun({ kind: 'repeat', key: 'report/1', positions: [1, 2] });
  await settled(effect, 'done');
  expect(await verdictOf({ kind: 'deny', key: 'report/2', positions: [2] })).toBe('alive');
  expect(await verdictOf({ kind: 'deny', key: 'report/3', positions: [3] })).toBe('begun');
});

test('a fence, a hold, a halt and the stop each have their own word', async () => {
  await holdCampaign(ledger.pool, campaign.ref, 'a person looks');
  expect(await verdictOf()).toBe('held');
  await haltTenant(ledger.pool, campaign.id.tenant, 'optimove', 'our key is unknown');
  expect(await verdictOf()).toBe('halted');
  await fenceCampaign(ledger.pool, campaign.id, 'operator');
  expect(await verdictOf()).toBe('fenced');
  expect(await verdictOf({ kind: 'revoke', key: 'revoke/1' })).toBe('begun');
});

test('from the stop on it is late', async () => {
  const late = await runningCampaign(ledger.pool, rowsOf(1), { deadlineInMs: 30_050 });
  await expect.poll(() => verdictOf({ campaign: late.ref, key: 'late' })).toBe('late');
  expect(await verdictOf({ campaign: late.ref, kind: 'deny', key: 'deny/1' })).toBe('begun');
});

test('settling twice changes nothing the second time', async () => {
  const effect = await begun();
  expect(await settled(effect, 'done')).toBe(1);
  const first = await ledger.pool.query('select outcome, answered from effect where id = $1', [
    effect,
  ]);
  expect(await settled(effect, 'done')).toBe(0);
  await settled(effect, 'refused');
  const second = await ledger.pool.query('select outcome, answered from effect where id = $1', [
    effect,
  ]);
  expect(second.rows).toEqual(first.rows);
});

test('an answer that comes after its effect was taken for not sent still counts', async () => {
  const effect = await begun();
  await settled(effect, 'not_sent');
  expect(await settled(effect, 'done')).toBe(1);
  expect(await verdictOf()).toBe('done');
});

test.each(['just read', 'written since it was read', 'not read'] as const)(
  'of a batch that was %s an answer is settled whole, with its slot, and once',
  async (how) => {
    const { pool } = ledger;
    const place = { campaign: campaign.ref, number: 1 };
    const beginning = await begin(pool, intent(), slotOf(1));
    if (beginning.verdict !== 'begun') throw new Error('there was a slot');
    const read = how === 'not read' ? undefined : await readBatch(pool, campaign.ref, 1);
    if (how === 'written since it was read') {
      await record(pool, place, [{ position: 2, state: 'lapsed', reason: 'suppressed' }]);
    }
    const settlement = {
      ...{ effect: beginning.effect, slot: beginning.slot, outcome: 'done' as const },
      happenings: [1, 2].map((position) => ({ position, state: 'passed' as const })),
    };
    const batch = read ?? place;
    const isWritten = how === 'written since it was read';
    expect(await settle(pool, batch, settlement)).toBe(isWritten ? 1 : 2);
    // As after a process that died behind the commit, whose settlement is made again.
    expect(await settle(pool, batch, settlement)).toBe(0);
    const members = (await readBatch(pool, campaign.ref, 1))?.members ?? [];
    const second = isWritten ? 'lapsed' : 'screened';
    expect(members.map(({ state }) => state)).toEqual([
      ...['screened', second],
      ...['targeted', 'targeted'],
    ]);
    const found = await pool.query(
      `select e.outcome, s.answered is not null as answered
       from effect e join slot s on s.id = e.slot where e.id = $1`,
      [beginning.effect],
    );
    expect(found.rows).toEqual([{ outcome: 'done', answered: true }]);
  },
);

test('a lost answer leaves the effect open, off the wire, with what it left behind', async () => {
  const effect = await begun({ kind: 'approve', key: 'report/1' });
  expect(await aliveFor(ledger.pool, campaign.ref, ['approve'])).toBeGreaterThan(50_000);
  await markUnknown(
    ledger.pool,
    { campaign: campaign.ref, number: 1 },
    {
      effect,
      slot: undefined,
      detail: 'reset',
      happenings: [{ position: 1, clearance: 'asked' }],
    },
  );
  expect(await aliveFor(ledger.pool, campaign.ref, ['approve'])).toBe(0);
  const [open] = await openEffects(ledger.pool, campaign.ref, { batch: 1, kinds: ['approve'] });
  expect(open).toMatchObject({ effect, aliveForMs: 0 });
  expect((await readBatch(ledger.pool, campaign.ref, 1))?.members[0]?.clearance).toBe('unknown');
});
