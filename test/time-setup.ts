import type { TestProject } from 'vitest/node';
import { findTestServer } from '../local/test-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The executable of the time-skipping server; each test file starts its own. */
    testServerPath: string;
  }
}

export default async function setUp(project: TestProject): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  project.provide('testServerPath', await findTestServer(say));
}
