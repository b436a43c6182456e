import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './planted.ts';

describe('a planted bug', () => {
  it.each(plantedBugs)('stands in one place, and has a test: $name', (bug) => {
    const source = readFileSync(bug.file, 'utf8');
    expect(source.split(bug.find)).toHaveLength(2);
    if ('seed' in bug.caughtBy) return;
    // A test for many cases puts their names together: what is fixed of it must be there.
    const tests = readFileSync(bug.caughtBy.test, 'utf8');
    const words = bug.caughtBy.name.replace(/^\w+: /, '$kind: ');
    expect(tests.includes(words) || tests.includes(bug.caughtBy.name)).toBe(true);
  });

  it('is one of at least twelve', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(12);
  });
});
