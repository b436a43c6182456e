import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { type Lock, takeLock } from './lock.ts';
import { until } from './processes.ts';

export type Say = (line: string) => void;

/** Longer than the longest build on a slow machine. */
const WAIT_FOR_OTHER_MS = 30 * 60_000;

/** This user's cache of built servers, outside any checkout: a fresh clone finds them there. */
export function cacheFolder(): string {
  return envPaths('promoflow', { suffix: '' }).cache;
}

export type Parcel = {
  /** With the version: `temporal-1.8.2`. */
  name: string;
  /** The executable inside. */
  file: string;
  /** Fills an empty folder; what it makes appears in the cache as a whole or not at all. */
  make(folder: string): Promise<void>;
  say: Say;
  cache?: string;
};

/** The path of a cached executable; undefined when it is not there yet. */
export function findCached({ name, file, cache = cacheFolder() }: Omit<Parcel, 'make' | 'say'>) {
  const path = join(cache, name, file);
  return existsSync(path) ? path : undefined;
}

/** Makes a parcel once for all processes of this user, and returns its executable. */
export async function install(parcel: Parcel): Promise<string> {
  const { name, file, make, cache = cacheFolder() } = parcel;
  mkdirSync(cache, { recursive: true });
  const lock = await waitForLock(join(cache, `${name}.lock`), parcel);
  try {
    const found = findCached(parcel);
    if (found !== undefined) return found;
    const draft = mkdtempSync(join(cache, `${name}.partial-`));
    try {
      await make(draft);
      if (!existsSync(join(draft, file))) throw new Error(`${name} was made without ${file}`);
      rmSync(join(cache, name), { recursive: true, force: true });
      renameSync(draft, join(cache, name));
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return join(cache, name, file);
  } finally {
    lock.release();
  }
}

async function waitForLock(file: string, { name, say }: Parcel): Promise<Lock> {
  let lock: Lock | undefined;
  let waitsFor = 0;
  const taken = await until(() => {
    const answer = takeLock(file);
    if ('lock' in answer) {
      lock = answer.lock;
      return true;
    }
    if (answer.heldBy !== waitsFor) say(`process ${answer.heldBy} is making ${name}: waiting`);
    waitsFor = answer.heldBy;
    return false;
  }, WAIT_FOR_OTHER_MS);
  if (!taken || lock === undefined) {
    throw new Error(`process ${waitsFor} has been making ${name} for half an hour: end it`);
  }
  return lock;
}
