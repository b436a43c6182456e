import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Say } from './cache.ts';
import { runTool } from './tool.ts';

/** A minute decides: where a network blocks the download without a word, we build. */
const BOUND_MS = 60_000;

export type Download = {
  server: 'temporal' | 'test-server';
  /** As the SDK has it: `default`, or a release such as `v1.8.2`. */
  version: string;
  /** Where the executable goes. */
  file: string;
  say: Say;
};

/**
 * Lets the SDK download a server. In a process of its own: the SDK's runtime can be set up once
 * per process, and that is the worker's to do.
 */
export function downloadServer({ server, version, file, say }: Download): Promise<void> {
  return runTool({
    program: process.execPath,
    args: [fileURLToPath(import.meta.url), server, version, file],
    cwd: '/',
    doing: `downloading the ${server}`,
    boundMs: BOUND_MS,
    say,
  });
}

if (import.meta.main) {
  const [server, version, file] = process.argv.slice(2);
  if (version === undefined || file === undefined) {
    throw new Error('usage: sdk-download.ts temporal|test-server VERSION FILE');
  }
  const downloadDir = mkdtempSync(join(tmpdir(), 'promoflow-'));
  const executable = { type: 'cached-download', downloadDir, version } as const;
  let failure: unknown = new Error('the download left no file');
  try {
    // The SDK downloads only on its way to starting the server.
    const environment = await (server === 'temporal'
      ? TestWorkflowEnvironment.createLocal({ server: { executable } })
      : TestWorkflowEnvironment.createTimeSkipping({ server: { executable } }));
    await environment.teardown();
  } catch (error) {
    // The SDK gives a server five seconds to start; a slow one is here all the same.
    failure = error;
  }
  const name = readdirSync(downloadDir).find((one) => !one.endsWith('.downloading'));
  if (name !== undefined) copyFileSync(join(downloadDir, name), file);
  rmSync(downloadDir, { recursive: true });
  if (name === undefined) throw failure;
}
