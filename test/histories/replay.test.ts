import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { bundledStories } from '../../src/stories.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** Written by `vitest run --project time -u`, once for every release that changes a story. */
const stored = readdirSync(folder).filter((name) => name.endsWith('.json'));

/** The script that a worker loads. */
let codePath: string;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  codePath = await bundledStories();
});

test.each(stored)('%s, as it once ran, runs the same way today', replay);

test('a story that would run another way is found out', async () => {
  const text = readFileSync(`${folder}/slice.json`, 'utf8').replaceAll('walkStage', 'walkAway');
  await expect(replayText(text)).rejects.toThrow(/TMPRL1100/);
});

test('the largest history and every story are among them', () => {
  const stories = ['campaign', 'slice', 'cancellation', 'revocation', 'settlement'];
  const sent = ['fulfilment-automatic', 'fulfilment-executions', 'confirmation', 'poll'];
  for (const story of [...stories, ...sent, 'expiry', 'campaign-largest']) {
    expect(stored).toContain(`${story}.json`);
  }
});

function replay(name: string): Promise<void> {
  return replayText(readFileSync(`${folder}/${name}`, 'utf8'));
}

function replayText(text: string): Promise<void> {
  const { workflowId, history } = JSON.parse(text);
  const options = { workflowBundle: { codePath } };
  return Worker.runReplayHistory(options, historyFromJSON(history), workflowId);
}
