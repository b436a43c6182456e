import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { heldBatches, record } from '../../src/ledger/batches.ts';
import { closeCampaign, saveDetails } from '../../src/ledger/campaigns.ts';
import { readBatch } from '../../src/ledger/columns.ts';
import { begin, openEffects } from '../../src/ledger/effects.ts';
import { markCollected } from '../../src/ledger/fulfilment-spans.ts';
import { openFulfilment, recordExecution } from '../../src/ledger/fulfilments.ts';
import type { Happening } from '../../src/ledger/packing.ts';
import { countStaged, stagingOf } from '../../src/ledger/pages.ts';
import { positionsOf } from '../../src/ledger/positions.ts';
import { markSent, sentStanding, settleSent } from '../../src/ledger/sent.ts';
import { stageOf } from './executed.ts';
import { openLedger, row, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const summary = {
  ...{ reason: 'decided', audience: 0, states: {}, approvedCustomers: 0 },
  ...{ deniedCustomers: 0, unknownCustomers: 0, delegatedCustomers: 0 },
};

/** Each customer's allocation, and what Optimove was told of it. */
const told = {
  approved: 'told_true',
  'lost yes': 'asked',
  denied: 'told_false',
  untold: undefined,
} as const;

let campaign: Awaited<ReturnType<typeof decided>>;
beforeEach(async () => {
  campaign = await decided();
});

/** One batch: of each kind a customer who is sent, and one who is not; the last two have used theirs. */
async function decided(notSent: 'list' | 'revoke' = 'list') {
  const { pool } = ledger;
  const kinds = Object.keys(told);
  const names = kinds.flatMap((kind) => [`${kind}, sent`, `${kind}, not sent`]);
  const rows = [...names, 'used, sent', 'used, not sent'].map((name) => row(name, 'X'));
  const running = await runningCampaign(pool, rows, { plan: { notSent } });
  const { ref } = running;
  const clearances = Object.values(told).flatMap((cause) => [cause, cause]);
  await record(pool, { campaign: ref, number: 1 }, [
    ...rows.flatMap((_, index): Happening[] => [
      { position: index + 1, state: 'passed' },
      { position: index + 1, state: 'rewarded' },
      { position: index + 1, state: 'allocated' },
    ]),
    ...clearances.flatMap((clearance, index): Happening[] =>
      clearance ? [{ position: index + 1, clearance }] : [],
    ),
    ...[9, 10].map((position) => ({ position, clearance: 'told_true', state: 'used' }) as const),
  ]);
  await closeCampaign(pool, ref, summary);
  const id = { ...running.id, channel: '504' };
  await recordExecution(pool, id, { at: Date.now(), plan: undefined });
  return { ref, id };
}

/** Reads whom a channel was sent to, and marks them. */
async function read(names: string[], of: { ref: number; number: number }): Promise<void> {
  await stageOf(
    ledger.pool,
    of,
    names.map((name) => row(name)),
  );
  await markSent(ledger.pool, of.ref, of.number);
  await markCollected(ledger.pool, of);
}

const first = () => ({ ref: campaign.ref, number: 1 });

async function sentNames(ref = campaign.ref): Promise<string[]> {
  const batch = await readBatch(ledger.pool, ref, 1);
  const positions = new Set(positionsOf(batch?.sent ?? ''));
  const members = batch?.members.filter(({ position }) => positions.has(position)) ?? [];
  return members.map(({ customerId }) => customerId);
}

async function clearancesNow(): Promise<Record<string, string>> {
  const members = (await readBatch(ledger.pool, campaign.ref, 1))?.members ?? [];
  return Object.fromEntries(members.map((one) => [one.customerId, one.clearance]));
}

const sent = [...Object.keys(told).map((kind) => `${kind}, sent`), 'used, sent'];

describe('who was sent', () => {
  test('is marked, whoever else stands on the pages, and the pages are done with', async () => {
    await read(['a stranger', 'untold, sent', 'approved, sent'], first());
    expect(await sentNames()).toEqual(['approved, sent', 'untold, sent']);
    expect(await countStaged(ledger.pool, campaign.ref, stagingOf(1))).toBe(0);
  });

  test('is united over the channels, and marked no differently by a repeat', async () => {
    await read(['approved, sent'], first());
    await read(['untold, sent'], { ref: campaign.ref, number: 2 });
    await markSent(ledger.pool, campaign.ref, 2);
    expect(await sentNames()).toEqual(['approved, sent', 'untold, sent']);
  });

  test('is marked with all codes, in whichever batch', async () => {
    const { pool } = ledger;
    const { ref, id } = await runningCampaign(pool, [row('a', 'X', 'Y'), row('b', 'X')]);
    await recordExecution(pool, { ...id, channel: '' }, { at: Date.now(), plan: undefined });
    await read(['a'], { ref, number: 1 });
    expect(await sentNames(ref)).toEqual(['a', 'a']);
  });
});

describe('what the executions settle', () => {
  test('is an approval whose answer was lost: heard if its customer was sent, else not', async () => {
    await read(sent, first());
    await settleSent(ledger.pool, campaign.ref);
    expect(await clearancesNow()).toMatchObject({
      ...{ 'lost yes, sent': 'approved', 'lost yes, not sent': 'denied' },
      ...{ 'approved, not sent': 'approved', 'denied, sent': 'denied', 'untold, sent': 'none' },
    });
  });

  test('is how many were approved, hold it, and were not sent', async () => {
    await read(sent, first());
    const settled = { notSent: 1, isAnybodySent: true };
    expect(await settleSent(ledger.pool, campaign.ref)).toEqual(settled);
    expect(await settleSent(ledger.pool, campaign.ref), 'repeated').toEqual(settled);
    const found = await ledger.pool.query(
      'select not_sent, sent_known_at is not null as known from campaign where ref = $1',
      [campaign.ref],
    );
    expect(found.rows).toEqual([{ not_sent: 1, known: true }]);
  });

  test('is nothing where Optimove names nobody: the list is doubted, and a person is told', async () => {
    campaign = await decided('revoke');
    expect(await settleSent(ledger.pool, campaign.ref)).toMatchObject({ isAnybodySent: false });
    expect(await clearancesNow()).toMatchObject({ 'lost yes, not sent': 'unknown' });
    const found = await ledger.pool.query(
      'select not_sent, sent_known_at from campaign where ref = $1',
      [campaign.ref],
    );
    expect(found.rows).toEqual([{ not_sent: 2, sent_known_at: null }]);
  });

  test('is known since the first time', async () => {
    const at = async () =>
      (
        await ledger.pool.query<{ at: string }>(
          'select sent_known_at::text as at from campaign where ref = $1',
          [campaign.ref],
        )
      ).rows[0]?.at;
    await read(sent, first());
    await settleSent(ledger.pool, campaign.ref);
    const known = await at();
    expect(known).toBeTruthy();
    await settleSent(ledger.pool, campaign.ref);
    expect(await at()).toBe(known);
  });

  test('leaves no report open: nothing else can explain one', async () => {
    const { pool } = ledger;
    const { ref, id } = await runningCampaign(pool, [row('a', 'X')]);
    const intent = { campaign: ref, batch: 1, epoch: 1, hash: 'h', token: 0, change: 0 };
    const members = { positions: [1], kept: { approved: '{[1,2)}' }, aliveMs: 0 };
    await begin(pool, { ...intent, ...members, kind: 'approve', key: 'report/1' }, undefined);
    await closeCampaign(pool, ref, summary);
    await recordExecution(pool, { ...id, channel: '' }, { at: Date.now(), plan: undefined });
    await pool.query("update batch set sent = '{[1,2)}' where campaign = $1", [ref]);
    await settleSent(pool, ref);
    expect(await openEffects(pool, ref)).toEqual([]);
  });
});

describe('what is taken back as not sent', () => {
  test('is, where a person is told, only what was surely not approved', async () => {
    await read(sent, first());
    await settleSent(ledger.pool, campaign.ref);
    expect(await heldBatches(ledger.pool, campaign.ref, 'not_sent')).toEqual([1]);
    await revoke(['lost yes, not sent', 'denied, sent', 'denied, not sent']);
    expect(await heldBatches(ledger.pool, campaign.ref, 'not_sent')).toEqual([]);
  });

  test('is, where the tenant says so, also what was approved and not sent', async () => {
    campaign = await decided('revoke');
    await read(sent, first());
    await settleSent(ledger.pool, campaign.ref);
    await revoke(['lost yes, not sent', 'denied, sent', 'denied, not sent']);
    expect(await heldBatches(ledger.pool, campaign.ref, 'not_sent')).toEqual([1]);
    await revoke(['approved, not sent']);
    expect(await heldBatches(ledger.pool, campaign.ref, 'not_sent')).toEqual([]);
  });

  async function revoke(names: string[]): Promise<void> {
    const members = (await readBatch(ledger.pool, campaign.ref, 1))?.members ?? [];
    const positions = members.flatMap((one) =>
      names.includes(one.customerId) ? one.position : [],
    );
    const happenings = positions.map((position) => ({ position, state: 'revoked' }) as const);
    await record(ledger.pool, { campaign: campaign.ref, number: 1 }, happenings);
  }
});

describe('whether it is known who was sent', () => {
  const channels = (channelIds: string[]) => saveDetails(ledger.pool, campaign.ref, { channelIds });
  const another = (channel: string) =>
    recordExecution(ledger.pool, { ...campaign.id, channel }, { at: Date.now(), plan: undefined });

  test('waits for every channel of the campaign', async () => {
    await channels(['504', '610']);
    expect((await sentStanding(ledger.pool, campaign.ref)).missing).toEqual(['504', '610']);
    await markCollected(ledger.pool, first());
    expect((await sentStanding(ledger.pool, campaign.ref)).missing).toEqual(['610']);
    await another('610');
    expect((await sentStanding(ledger.pool, campaign.ref)).missing).toEqual(['610']);
    await markCollected(ledger.pool, { ref: campaign.ref, number: 2 });
    expect((await sentStanding(ledger.pool, campaign.ref)).missing).toEqual([]);
  });

  test('waits for nobody once an execution that named no channel was read', async () => {
    await channels(['504', '610']);
    await another('');
    await markCollected(ledger.pool, { ref: campaign.ref, number: 2 });
    expect((await sentStanding(ledger.pool, campaign.ref)).missing).toEqual([]);
  });

  test('waits no longer than 24 hours from the first on', async () => {
    const dayMs = 86_400_000;
    await channels(['504', '610']);
    const { waitMs } = await sentStanding(ledger.pool, campaign.ref);
    expect(waitMs).toBeGreaterThan(dayMs - 60_000);
    expect(waitMs).toBeLessThanOrEqual(dayMs);
    await ledger.pool.query(
      "update fulfilment set recorded_at = now() - interval '25 hours' where campaign = $1",
      [campaign.ref],
    );
    expect((await sentStanding(ledger.pool, campaign.ref)).waitMs).toBe(0);
  });

  test('is asked of nobody where the details name no channel', async () => {
    expect(await sentStanding(ledger.pool, campaign.ref)).toMatchObject({
      ...{ missing: [], isKnown: false },
    });
    await read(sent, first());
    await settleSent(ledger.pool, campaign.ref);
    expect(await sentStanding(ledger.pool, campaign.ref)).toMatchObject({ isKnown: true });
  });

  test('is confirmed by the fulfilment of the channel, once its own run is over', async () => {
    expect(await openFulfilment(ledger.pool, campaign.id)).toMatchObject({
      ...{ next: 'confirm', fulfilment: { number: 1 } },
    });
  });
});
