import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { PlantedBug } from './planted.ts';

/** What became of a planted bug: red is caught. */
export interface Planted {
  name: string;
  caughtBy: string;
  outcome: 'red' | 'green';
  /** What the test, or the seed, said of it. */
  says: string;
}

const project = fileURLToPath(new URL('../../', import.meta.url));

/** What a copy can do without; the modules are linked. */
const leftOut = new Set(['node_modules', '.git', '.promoflow', 'docs', 'deploy']);

/** A hanging test has been stopped by its own bound long before. */
const boundMs = 300_000;

/**
 * Plants each bug in a copy of the project, one at a time, and runs what must catch it. Throws where a
 * test is red before anything was planted: its red would say nothing.
 */
export async function plantAll(
  bugs: readonly PlantedBug[],
  tell: (planted: Planted) => void,
): Promise<Planted[]> {
  const copy = mkdtempSync(join(tmpdir(), 'promoflow-planted-'));
  try {
    for (const name of readdirSync(project)) {
      if (!leftOut.has(name)) cpSync(join(project, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
    await expectGreen(copy, bugs);
    const planted: Planted[] = [];
    for (const bug of bugs) {
      const one = await plant(copy, bug);
      planted.push(one);
      tell(one);
    }
    return planted;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function plant(copy: string, bug: PlantedBug): Promise<Planted> {
  const file = join(copy, bug.file);
  const source = readFileSync(file, 'utf8');
  // A function: in a text, `$` would stand for something.
  writeFileSync(
    file,
    source.replace(bug.find, () => bug.replace),
  );
  try {
    const { isRed, says } = await runCatcher(copy, bug.caughtBy);
    const outcome = isRed ? 'red' : 'green';
    return { name: bug.name, caughtBy: describe(bug.caughtBy), outcome, says };
  } finally {
    writeFileSync(file, source);
  }
}

function describe(catcher: PlantedBug['caughtBy']): string {
  return 'seed' in catcher ? `seed ${catcher.seed}` : `${catcher.test} ▸ ${catcher.name}`;
}

async function expectGreen(copy: string, bugs: readonly PlantedBug[]): Promise<void> {
  const files = bugs.flatMap(({ caughtBy }) => ('seed' in caughtBy ? [] : [caughtBy.test]));
  const { failed, says } = await runTests(copy, [...new Set(files)]);
  if (failed > 0) throw new Error(`these tests are red with nothing planted: ${says}`);
}

async function runCatcher(
  copy: string,
  catcher: PlantedBug['caughtBy'],
): Promise<{ isRed: boolean; says: string }> {
  if ('seed' in catcher) {
    const main = ['test/faults/main.ts', '--seed', String(catcher.seed)];
    const { code, output } = await run(copy, [process.execPath, ...main]);
    return { isRed: code === 1, says: output.match(/✗ (.*)/)?.[1] ?? 'nothing' };
  }
  const pattern = catcher.name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const { ran, failed, says } = await runTests(copy, [catcher.test], pattern);
  if (ran === 0) throw new Error(`${catcher.test} has no test called ${catcher.name}`);
  return { isRed: failed > 0, says };
}

const report = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numFailedTestSuites: z.int(),
  testResults: z.array(
    z.object({
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

async function runTests(
  copy: string,
  files: string[],
  pattern?: string,
): Promise<{ ran: number; failed: number; says: string }> {
  const outputFile = join(copy, 'report.json');
  rmSync(outputFile, { force: true });
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const { output } = await run(copy, [
    ...[process.execPath, vitest, 'run', ...files, '--reporter=json'],
    ...[`--outputFile=${outputFile}`, ...(pattern === undefined ? [] : ['-t', pattern])],
  ]);
  let text: string;
  try {
    text = readFileSync(outputFile, 'utf8');
  } catch {
    throw new Error(`the tests did not run: ${output.slice(-2_000)}`);
  }
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = report.parse(
    JSON.parse(text),
  );
  const messages = testResults.flatMap((file) => [
    ...file.assertionResults.flatMap((one) => one.failureMessages ?? []),
    file.message ?? '',
  ]);
  return {
    ran: numPassedTests + numFailedTests,
    failed: Math.max(numFailedTests, numFailedTestSuites),
    says: messages.find((message) => message !== '')?.split('\n')[0] ?? '',
  };
}

async function run(cwd: string, command: string[]): Promise<{ code: number; output: string }> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: boundMs });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-20_000);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { code: code ?? 1, output };
}
