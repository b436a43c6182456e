import { afterEach, beforeEach, expect, test } from 'vitest';
import { minuteMs, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ maxCachedWorkflows: 0 });
});
afterEach(() => stage.close());

test('a run that is replayed at every step comes to the same end', async () => {
  const id = { tenant: 'acme', campaignId: '1' };
  const { ended, campaign } = await stage.play(id, { deadlineMs: 30 * minuteMs });
  expect(ended).toBe('decided');
  expect(campaign.summary).toMatchObject({ audience: 30, states: { allocated: 24 } });
});

test('two runs share no variable of a module', async () => {
  const counts = [];
  for (const id of ['counter/1', 'counter/2']) {
    const run = await stage.start('counter', { id, args: [] });
    counts.push(await run.result());
  }
  expect(counts).toEqual([1, 1]);
});
