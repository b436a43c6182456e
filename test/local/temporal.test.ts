import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { expect, it, onTestFinished } from 'vitest';
import { startTemporal, type Temporal } from '../../local/temporal.ts';
import { temporaryFolder } from './folder.ts';
import { startOwner } from './killed-owner.ts';

it('goes on where it was, with search attributes added since, after a restart', async () => {
  const dataFolder = temporaryFolder();
  const first = await start(dataFolder, ['Tenant=Keyword']);
  await startStory(first.address, 'Tenant');
  await first.stop();

  const second = await start(dataFolder, ['Tenant=Keyword', 'Phase=Keyword']);
  expect(second).toMatchObject({ address: first.address, uiUrl: first.uiUrl });
  expect(await statusOf(second.address, 'story-Tenant')).toBe('RUNNING');
  await startStory(second.address, 'Phase');
  expect(await statusOf(second.address, 'story-Phase')).toBe('RUNNING');
});

it('knows what was still to be done when it was killed', async () => {
  const dataFolder = temporaryFolder();
  const first = await start(dataFolder);
  await startStory(first.address);
  await first.kill();

  const second = await start(dataFolder);
  expect(second.address).toBe(first.address);
  expect(await statusOf(second.address, 'story')).toBe('RUNNING');
});

it('shows its Web UI', async () => {
  const { uiUrl } = await start(temporaryFolder());
  expect((await fetch(uiUrl)).status).toBe(200);
});

it('refuses a second start on a busy folder in one sentence that names the owner', async () => {
  const dataFolder = temporaryFolder();
  await start(dataFolder);
  await expect(start(dataFolder)).rejects.toThrow(
    `the data folder ${dataFolder} is in use by process ${process.pid}: stop that one`,
  );
});

it('takes over after an owner was killed, and keeps what was still to be done', async () => {
  const dataFolder = temporaryFolder();
  const owner = await startOwner('temporal', dataFolder);
  await startStory(owner.address);
  await owner.kill();

  const next = await start(dataFolder);
  expect(await statusOf(next.address, 'story')).toBe('RUNNING');
});

it('tells the last words of a server that does not start', async () => {
  await expect(start(temporaryFolder(), ['Tenant=Colour'])).rejects.toThrow(
    /did not start. Its last words:\n.*Colour/s,
  );
});

async function start(dataFolder: string, searchAttributes: string[] = []): Promise<Temporal> {
  const temporal = await startTemporal({ dataFolder, searchAttributes, say: () => {} });
  onTestFinished(() => temporal.stop());
  return temporal;
}

async function startStory(address: string, attribute?: string): Promise<void> {
  await withClient(address, (client) =>
    client.workflow.start('story', {
      workflowId: attribute === undefined ? 'story' : `story-${attribute}`,
      taskQueue: 'nobody',
      ...(attribute !== undefined && {
        typedSearchAttributes: [
          { key: defineSearchAttributeKey(attribute, SearchAttributeType.KEYWORD), value: 'acme' },
        ],
      }),
    }),
  );
}

function statusOf(address: string, workflowId: string): Promise<string> {
  return withClient(address, async (client) => {
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  });
}

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
