import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type OnEnd = (end: () => Promise<void>) => void;

/** Everything a run starts, stopped in reverse; all of it is fresh, so that no run helps another. */
export async function withFolder<T>(
  work: (folder: string, onEnd: OnEnd) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-bench-'));
  const ends: (() => Promise<void>)[] = [];
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work(folder, (end) => ends.unshift(end));
  } finally {
    for (const end of ends) await end();
    process.off('exit', remove);
    remove();
  }
}
