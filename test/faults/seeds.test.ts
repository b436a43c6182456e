import { describe, expect, it } from 'vitest';
import { runSeed } from './seed.ts';

/** Between them: workers, a gateway, Temporal and Postgres killed, a full disk, storms, event 4. */
const seeds = [7, 9, 11];

describe.concurrent('a world full of trouble', () => {
  it.each(seeds)(
    'gives nothing twice and loses nothing, by seed %i',
    async (seed) => {
      const { wrong, story, evidence } = await runSeed(seed);
      expect({ wrong, story: wrong.length > 0 && story, evidence }).toEqual({
        wrong: [],
        story: false,
        evidence: undefined,
      });
    },
    400_000,
  );
});
