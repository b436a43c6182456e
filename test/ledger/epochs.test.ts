import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Announcement, instantsOf } from '../../src/domain/campaign.ts';
import {
  finishBatch,
  lapseCampaign,
  record,
  reopenCampaign,
  unfinishedBatches,
} from '../../src/ledger/batches.ts';
import { campaignOf, closeCampaign, openCampaign } from '../../src/ledger/campaigns.ts';
import { claimBatch, readBatch } from '../../src/ledger/columns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import { announce, fenceCampaign } from '../../src/ledger/standing.ts';
import { openLedger, plan, row, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const hour = 3_600_000;

function announcement(announcedAt: number, deadline: number | undefined): Announcement {
  const instants = deadline === undefined ? undefined : instantsOf(deadline, plan);
  const problem = instants ? undefined : 'no deadline';
  return { announcedAt, durationDays: 7, instants, problem };
}

async function close(ref: number, reason: string): Promise<void> {
  const { redemptions: _, ...counts } = await countCampaign(ledger.pool, ref);
  await closeCampaign(ledger.pool, ref, { reason, ...counts });
}

test('event 5 five times at once is one epoch', async () => {
  const { pool } = ledger;
  const id = { tenant: randomUUID(), campaignId: '7' };
  const said = announcement(Date.now(), Date.now() + hour);
  const announced = await Promise.all([1, 2, 3, 4, 5].map(() => announce(pool, id, said)));
  expect(announced.sort()).toEqual(['fresh', 'repeated', 'repeated', 'repeated', 'repeated']);
  const opened = await Promise.all([1, 2, 3, 4, 5].map(() => openCampaign(pool, id, plan)));
  expect(opened.sort()).toEqual(['fresh', 'resumed', 'resumed', 'resumed', 'resumed']);
});

test('of two announcements the one with the later TimeStamp counts', async () => {
  const { pool } = ledger;
  const id = { tenant: randomUUID(), campaignId: '7' };
  const now = Date.now();
  expect(await announce(pool, id, announcement(now, now + hour))).toBe('fresh');
  expect(await announce(pool, id, announcement(now + 1, now + 2 * hour))).toBe('rescheduled');
  expect(await announce(pool, id, announcement(now, now + 3 * hour))).toBe('repeated');
  expect(await announce(pool, id, announcement(now + 2, undefined))).toBe('unusable');
  expect(await openCampaign(pool, id, plan)).toBe('unusable');
  expect(await announce(pool, id, announcement(now + 3, now + 20_000))).toBe('fresh');
  expect(await openCampaign(pool, id, plan)).toBe('late');
});

test('a closed campaign is opened again only by a later deadline', async () => {
  const { pool } = ledger;
  const { ref, id } = await runningCampaign(pool, rowsOf(1));
  await close(ref, 'deadline');
  expect(await openCampaign(pool, id, plan)).toBe('closed');
  await announce(pool, id, announcement(Date.now() + 1, Date.now() + 2 * hour));
  expect(await openCampaign(pool, id, plan)).toBe('reopened');
  expect(await campaignOf(pool, ref)).toMatchObject({ epoch: 2, summary: undefined });
});

test('what was not decided lapses, and goes on where it stopped when the deadline moves', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [...rowsOf(6), row('c7'), row('c8')]);
  const batch = { campaign: ref, number: 1 };
  const rewards = [{ rewardTypeId: 'spins', value: 1 }];
  await record(
    pool,
    batch,
    [2, 3, 4, 5].map((position) => ({ position, state: 'passed' as const })),
  );
  await record(pool, batch, [
    { position: 3, state: 'rewarded', rewards },
    { position: 4, state: 'allocated' },
    { position: 5, state: 'lapsed', reason: 'validation_answer_lost' },
    { position: 6, state: 'screened_out' },
    { position: 7, state: 'cleared' },
    { position: 8, state: 'cleared', clearance: 'told_true' },
  ]);
  const states = async () => (await readBatch(pool, ref, 1))?.members.map(({ state }) => state);
  expect(await finishBatch(pool, await claimBatch(pool, ref, 1))).toBe(true);
  expect(await lapseCampaign(pool, ref, 'deadline')).toBe(4);
  expect(await lapseCampaign(pool, ref, 'deadline')).toBe(0);
  const ends = ['allocated', 'lapsed', 'screened_out', 'lapsed', 'cleared'];
  expect(await states()).toEqual(['lapsed', 'lapsed', 'lapsed', ...ends]);
  expect(await unfinishedBatches(pool, ref)).toEqual([]);
  expect(await reopenCampaign(pool, ref)).toBe(4);
  expect(await reopenCampaign(pool, ref)).toBe(0);
  const again = ['allocated', 'lapsed', 'screened_out', 'targeted', 'cleared'];
  expect(await states()).toEqual(['targeted', 'targeted', 'validated', ...again]);
  expect(await unfinishedBatches(pool, ref)).toEqual([1]);
});

test('event 5 that comes again after the deadline leaves the closed campaign as it was', async () => {
  const { pool } = ledger;
  const campaign = await runningCampaign(pool, rowsOf(1));
  await close(campaign.ref, 'decided');
  await pool.query('update campaign set stop = now(), deadline = now() where ref = $1', [
    campaign.ref,
  ]);
  expect(await openCampaign(pool, campaign.id, plan)).toBe('closed');
  expect((await campaignOf(pool, campaign.ref)).summary).toMatchObject({ reason: 'decided' });
});

test('the summary of a deleted campaign is not overwritten by the run that was ending', async () => {
  const { pool } = ledger;
  const campaign = await runningCampaign(pool, rowsOf(1));
  await fenceCampaign(pool, campaign.id, 'deleted');
  await close(campaign.ref, 'deleted');
  await close(campaign.ref, 'decided');
  expect((await campaignOf(pool, campaign.ref)).summary).toMatchObject({ reason: 'deleted' });
});
