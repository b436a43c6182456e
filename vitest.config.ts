import { defineConfig } from 'vitest/config';

// Where no Temporal is at hand, one is built first, in the set-up: that takes minutes.
const NEEDS_TEMPORAL = [
  'test/whole/**/*.test.ts',
  'test/local/temporal.test.ts',
  'test/faults/{seeds,flows,worker,ledger,outages,gate}.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/slowest.ts'],
    // Once for all: the embedded Postgres. What only some tests need stands with their project.
    globalSetup: ['test/global-setup.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/time/**', ...NEEDS_TEMPORAL],
          globalSetup: [],
        },
      },
      {
        extends: true,
        test: {
          name: 'time',
          include: ['test/time/**/*.test.ts'],
          testTimeout: 40_000,
          globalSetup: ['test/time-setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: NEEDS_TEMPORAL,
          globalSetup: ['test/whole-setup.ts'],
          // They mostly wait, and share one dev server: two at a time, with nothing else beside them.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
