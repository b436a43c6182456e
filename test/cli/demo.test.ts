import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));

/** Runs the demo with arguments that it refuses before it starts anything. */
async function refused(args: string[]): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [err, code] = await Promise.all([text(child.stderr), ended]);
  return { code, err };
}

test.each([
  [['--flow', 'gate'], '--flow takes managed, claimed, publisher, automatic, executions, not gate'],
  [['--cancel', 'never'], '--cancel takes before, during, after, not never'],
  [['--flow', 'claimed', '--triggered'], '--flow, --triggered and --cancel exclude each other'],
  [['--flow', 'claimed', '--customers', '0'], '--customers takes a whole number from 1 on, not 0'],
])('the demo refuses what it cannot show, and says what it can: %j', async (args, said) => {
  const { code, err } = await refused(args);
  expect(code).toBe(2);
  expect(err).toContain(said);
  expect(err).toContain('--flow F');
});
