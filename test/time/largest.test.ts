import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { minuteMs, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

test('a million customers, a hundred batches, stay in short histories of small payloads', async () => {
  const id = { tenant: 'acme', campaignId: '1' };
  // What a batch holds is nothing to its story: ten customers stand for ten thousand.
  const { ended } = await stage.play(id, {
    deadlineMs: 60 * minuteMs,
    customers: 1_000,
    batchSize: 10,
    lanes: 8,
  });
  expect(ended).toBe('decided');
  const run = workflowId.campaign(id);
  const histories = [run, workflowId.slice(run, 1, 1), workflowId.slice(run, 1, 2)];
  for (const one of histories) {
    const history = await stage.workflow.getHandle(one).fetchHistory();
    const json = historyToJSON(history);
    expect(history.events?.length, one).toBeLessThan(2_000);
    const sizes = json.matchAll(/"historySizeBytes": *"(\d+)"/g);
    expect(Math.max(...[...sizes].map(([, size]) => Number(size))), one).toBeLessThan(300 * 1024);
    const payloads = json.match(/"data": *"[^"]*"/g) ?? [];
    expect(Math.max(...payloads.map((payload) => payload.length)), one).toBeLessThan(8 * 1024);
  }
  await stage.keepHistory('campaign-largest', run);
  await stage.keepHistory('slice-largest', workflowId.slice(run, 1, 1));
});
