import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Lock, takeLock } from './lock.ts';
import type { ProcessIdentity } from './processes.ts';

/** What a server leaves behind for the next start on the same folder. */
export type Remembered = {
  port?: number;
  uiPort?: number;
  password?: string;
  server?: ProcessIdentity;
};

/** One server's place in a data folder: its files, what it remembers, and the right to run there. */
export type Place = {
  file(suffix: string): string;
  remembered: Remembered;
  remember(news: Remembered): void;
  lock: Lock;
};

/** Takes a server's place in the folder; a folder that a living process uses is refused. */
export function takePlace(dataFolder: string, server: 'postgres' | 'temporal'): Place {
  const folder = resolve(dataFolder);
  mkdirSync(folder, { recursive: true });
  const taken = takeLock(join(folder, `${server}.lock`));
  if ('heldBy' in taken) {
    throw new Error(
      `the data folder ${folder} is in use by process ${taken.heldBy}: stop that one, or choose another folder with PROMOFLOW_DATA`,
    );
  }

  const notes = join(folder, `${server}.json`);
  const place: Place = {
    file: (suffix) => join(folder, `${server}${suffix}`),
    remembered: read(notes),
    remember(news) {
      place.remembered = { ...place.remembered, ...news };
      writeFileSync(`${notes}.new`, JSON.stringify(place.remembered), { mode: 0o600 });
      renameSync(`${notes}.new`, notes);
    },
    lock: taken.lock,
  };
  return place;
}

function read(file: string): Remembered {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}
