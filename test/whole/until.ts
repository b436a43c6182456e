import { setTimeout as delay } from 'node:timers/promises';

const lookEveryMs = 50;

/** Waits until a condition holds and returns what it found; fails when the bound is over first. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 45_000,
): Promise<Exclude<T, undefined | false | null>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (isThere(found)) return found;
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(lookEveryMs);
  }
}

function isThere<T>(found: T): found is Exclude<T, undefined | false | null> {
  return found !== undefined && found !== false && found !== null;
}
