import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFingerprints } from '../../src/operations/fingerprints.ts';

it('knows each text again, and takes no two texts for one', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (texts) => {
      const fingerprints = createFingerprints();
      const seen = new Set<string>();
      for (const text of texts) {
        expect(fingerprints.add(text)).toBe(!seen.has(text));
        seen.add(text);
      }
    }),
  );
});

it('tells two hundred thousand ids apart that differ by a digit, while it grows', () => {
  const fingerprints = createFingerprints();
  const ids = Array.from({ length: 200_000 }, (_, index) => `P-${index}`);
  expect(ids.filter((id) => !fingerprints.add(id))).toEqual([]);
  expect(ids.filter((id) => fingerprints.add(id))).toEqual([]);
});
