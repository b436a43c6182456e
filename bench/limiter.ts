import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { startPostgres } from '../local/postgres.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { show } from './figure.ts';

/** Optimove's limit (API §2). */
export const requests = 50;
export const windowMs = 10_000;

/** One grant as a process saw it, epoch milliseconds. */
export type Grant = number;

/**
 * Saturated work against one allowance for a minute, with one process and with three that share it:
 * how much of the allowance was used after the first window, and whether any window held too many.
 */
export async function benchLimiter(seconds: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-bench-'));
  const postgres = await startPostgres({ dataFolder: folder });
  try {
    await migrate(postgres.url);
    const figures = [];
    for (const processes of [1, 3]) {
      const bucket = `bench-${processes}`;
      const grants = (
        await Promise.all(
          Array.from({ length: processes }, () => saturate(postgres.url, bucket, seconds)),
        )
      ).flat();
      const { used, fullest } = judge(grants, seconds);
      figures.push(
        {
          what: `allowance left unused by ${processes} process(es)`,
          measured: 100 - used * 100,
          atMost: 7,
          unit: '%',
        },
        {
          what: `fullest window of ${processes} process(es)`,
          measured: fullest,
          atMost: requests,
          unit: 'requests',
        },
      );
    }
    return show(figures);
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true });
  }
}

function saturate(url: string, bucket: string, seconds: number): Promise<Grant[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./saturate.ts', import.meta.url), {
      workerData: { url, bucket, seconds, requests, windowMs },
    });
    worker.once('message', resolve).once('error', reject);
  });
}

function judge(grants: Grant[], seconds: number): { used: number; fullest: number } {
  const sorted = [...grants].sort((a, b) => a - b);
  const start = sorted[0] ?? 0;
  const counted = sorted.filter((at) => at >= start + windowMs && at < start + seconds * 1_000);
  const allowed = (requests * (seconds * 1_000 - windowMs)) / windowMs;
  let fullest = 0;
  for (let from = 0, to = 0; to < sorted.length; to += 1) {
    while ((sorted[to] ?? 0) - (sorted[from] ?? 0) >= windowMs) from += 1;
    fullest = Math.max(fullest, to - from + 1);
  }
  return { used: counted.length / allowed, fullest };
}
