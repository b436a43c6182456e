import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Say } from './cache.ts';

const PROGRESS_MS = 15_000;

/** What a program prints about its version; undefined when it is not on PATH. */
export function versionOf(program: string, flag: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  return status === 0 ? `${stdout}${stderr}`.trim() : undefined;
}

export type Errand = {
  program: string;
  args: string[];
  cwd: string;
  /** What it is doing, for the lines of progress. */
  doing: string;
  boundMs: number;
  say: Say;
};

/** Runs a tool to its end, telling now and then that it still works. */
export async function runTool({ program, args, cwd, doing, boundMs, say }: Errand): Promise<void> {
  const began = performance.now();
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: boundMs });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output.push(text);
      if (output.length > 100) output.shift();
    });
  }
  const progress = setInterval(() => {
    say(`still ${doing}, ${Math.round((performance.now() - began) / 1_000)} s so far`);
  }, PROGRESS_MS);
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    if (code === 0) return;
  } finally {
    clearInterval(progress);
  }
  const lastWords = output.join('').trim().split('\n').slice(-8).join('\n');
  throw new Error(`${doing} failed. The last words of ${program}:\n${lastWords}`);
}

/** A folder under tools/ of this checkout. */
export function toolFolder(name: string): string {
  return fileURLToPath(new URL(`../tools/${name}/`, import.meta.url));
}
