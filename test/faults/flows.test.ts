import { describe, expect, it } from 'vitest';
import { flowPlanOf, type PlayedFlow } from './flow-plan.ts';
import { runSeed } from './seed.ts';

/** Between them: a worker and Postgres killed, a worker frozen, storms, event 4, one and three channels. */
const seeds: { flow: PlayedFlow; seed: number }[] = [
  { flow: 'publisher', seed: 3 },
  { flow: 'automatic', seed: 2 },
  { flow: 'executions', seed: 3 },
];

describe.concurrent('a world full of trouble, beyond the sending', () => {
  it.each(seeds)(
    'gives nothing twice and loses nothing in the flow $flow, by seed $seed',
    async ({ flow, seed }) => {
      const { wrong, story, evidence } = await runSeed(seed, flowPlanOf(seed, flow));
      expect({ wrong, story: wrong.length > 0 && story, evidence }).toEqual({
        wrong: [],
        story: false,
        evidence: undefined,
      });
    },
    400_000,
  );
});
