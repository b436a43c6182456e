import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findLostUpdates, findViolations, readImports, type Source } from './imports.ts';

const sources = globSync('{src,sandbox,local,demo,bench}/**/*.ts').map(
  (path): Source => ({ path, source: readFileSync(path, 'utf8') }),
);

describe('the house', () => {
  it('has files to look at', () => {
    expect(sources.length).toBeGreaterThan(20);
  });

  it('imports only what the table of rooms allows', () => {
    expect(findViolations(sources)).toEqual([]);
  });

  it('keeps Node out of the domain and the workflows', () => {
    const pure = sources.filter(({ path }) => /^src\/(domain|workflows)\//.test(path));
    expect(pure.filter(({ source }) => /['"]node:/.test(source))).toEqual([]);
  });

  it('loses no update in a workflow', () => {
    expect(findLostUpdates(sources.filter(({ path }) => /^src\/workflows\//.test(path)))).toEqual(
      [],
    );
  });

  it('keeps nothing between two runs: they share the modules of the stories', () => {
    const shared = sources.filter(({ path }) => /^src\/(domain|workflows)\//.test(path));
    expect(shared.filter(({ source }) => keepsState.test(source)).map(({ path }) => path)).toEqual(
      [],
    );
  });

  it('reads the environment in one file', () => {
    const readers = sources.filter(
      ({ path, source }) => path.startsWith('src/') && source.includes('process.env'),
    );
    expect(readers.map(({ path }) => path).filter((path) => path !== ENVIRONMENT)).toEqual([]);
  });
});

const ENVIRONMENT = 'src/config/environment.ts';

/** A module's own variable, or a collection of its own that can grow. */
const keepsState =
  /^(?:export )?(?:let |var |const \w+(?:: [^=]+)? = (?:new (?:Map|Set|WeakMap)\b(?!\(\[)|\[\]|\{\}))/m;

describe('the check itself', () => {
  it.each([
    'let runs = 0;',
    'const seen = new Map<string, number>();',
    'export const all: string[] = [];',
  ])('finds what is kept between runs: %s', (line) =>
    expect(keepsState.test(`import a from 'b';\n${line}\n`)).toBe(true),
  );

  it.each([
    ['src/domain/plan.ts', "import { z } from 'zod';", 'values from zod'],
    ['src/domain/plan.ts', "import { join } from 'node:path';", 'values from node:path'],
    ['src/domain/plan.ts', "import type { World } from '../world.ts';", 'types from src/world.ts'],
    ['src/world.ts', "import { x } from './domain/plan.ts';", 'values from src/domain/plan.ts'],
    ['src/adapters/optimove/status.ts', "import { a } from '../platform.ts';", 'values from'],
    ['src/adapters/publisher.ts', "import { a } from './platform.ts';", 'values from'],
    ['src/stages/report.ts', "import { world } from '../world.ts';", 'values from src/world.ts'],
    ['src/workflows/batch.ts', "import { a } from '../activities/batch.ts';", 'values from'],
    ['src/workflows/batch.ts', "const a = await import('pg');", 'values from pg'],
    ['src/workflows/batch.ts', "export { a } from '../stages/effect.ts';", 'values from'],
    ['src/starts.ts', "import { campaign } from './workflows/campaign.ts';", 'values from'],
    ['src/gateway/hooks.ts', "import { a } from '../ledger/batches.ts';", 'values from'],
    ['src/ledger/pool.ts', "import { log } from '../log.ts';", 'values from src/log.ts'],
    ['sandbox/main.ts', "import type { Code } from '../src/domain/words.ts';", 'types from'],
    ['local/cache.ts', "import 'undici';\nimport '../src/log.ts';", 'values from src/log.ts'],
    ['src/helpers/text.ts', '', 'stands in no room'],
  ])('refuses, in %s, %s', (path, source, reason) => {
    const violations = findViolations([{ path, source }]);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(reason);
  });

  it.each([
    ['src/workflows/batch.ts', "import type { createActivities } from '../activities/index.ts';"],
    ['src/workflows/batch.ts', "import {\n  proxyActivities,\n} from '@temporalio/workflow';"],
    ['src/adapters/platform.ts', "import { call } from './http.ts';"],
    ['src/adapters/optimove/status.ts', "import { a } from './audience.ts';"],
    ['src/starts.ts', "import { campaignId } from './workflows/ids.ts';"],
    ['src/gateway/hooks.ts', "import { record } from '../ledger/inbox.ts';"],
    ['src/gateway/main.ts', "import { connect } from '../ledger/pool.ts';"],
    ['src/domain/plan.ts', "export const from = 'zod';\nexport const a = () => 'pg';"],
  ])('allows, in %s, %s', (path, source) => {
    expect(findViolations([{ path, source }])).toEqual([]);
  });

  it('takes an import for one of types only when all of it is', () => {
    const source =
      "import type { A } from 'a';\nimport { type B, c } from 'b';\nimport d from 'd';";
    expect(readImports({ path: 'src/a.ts', source })).toEqual([
      { target: 'a', typeOnly: true },
      { target: 'b', typeOnly: false },
      { target: 'd', typeOnly: false },
    ]);
  });

  it.each([
    'total += (await executeChild(batch)).ok;',
    'total += await count();',
    'tally.ok = tally.ok + (await count());',
    'total +=\n  1 + (await count());',
  ])('finds the lost update in %s', (source) => {
    expect(findLostUpdates([{ path: 'src/workflows/campaign.ts', source }])).toHaveLength(1);
  });

  it.each([
    'const result = await executeChild(batch);\ntotal += result.ok;',
    'const run = async () => await executeChild(batch);',
    'if (total <= (await count())) return;',
  ])('finds none in %s', (source) => {
    expect(findLostUpdates([{ path: 'src/workflows/campaign.ts', source }])).toEqual([]);
  });
});
