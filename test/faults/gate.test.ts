import { expect, it } from 'vitest';
import { runGateSeed } from './gate-seed.ts';

it('a gate under fire whose processes die gives one answer, and nothing to whom it denied', async () => {
  const { wrong, story, evidence } = await runGateSeed(11);
  expect({ wrong, story: wrong.length > 0 && story, evidence }).toEqual({
    wrong: [],
    story: false,
    evidence: undefined,
  });
}, 400_000);
