import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startTemporal } from '../local/temporal.ts';

declare module 'vitest' {
  interface ProvidedContext {
    temporalAddress: string;
  }
}

/** One Temporal dev server for all whole runs: a namespace or an id of its own keeps them apart. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'promoflow-test-'));
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const temporal = await startTemporal({ dataFolder, searchAttributes: [], say });
  project.provide('temporalAddress', temporal.address);
  return async () => {
    await temporal.stop();
    rmSync(dataFolder, { recursive: true });
  };
}
