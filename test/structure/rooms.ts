import { dirname } from 'node:path/posix';

/** What the files of a room may import, besides their own room. */
export type Room = {
  name: string;
  /** Its files; the first room that matches is a file's room. */
  files: RegExp;
  /** Rooms, single files, packages, and `node` for Node's own modules. */
  values: ReadonlyArray<string | RegExp> | 'anything';
  /** What only types may come from, besides what values may. */
  types: ReadonlyArray<string>;
  /** Where a room's files know only some of their neighbours. */
  neighbours?: (path: string, target: string) => boolean;
};

const WORKFLOW_NAMES = /^src\/workflows\/(ids|messages|queue)\.ts$/;

/** The table of docs/architecture.md, "The rooms". */
export const ROOMS: ReadonlyArray<Room> = [
  room('domain', /^src\/domain\//, [], []),
  room('world', /^src\/world\.ts$/, [], ['domain']),
  room('wire', /^src\/wire\//, ['domain', 'zod', 'luxon'], []),
  room('config', /^src\/config\//, ['zod', 'yaml', 'node'], ['domain']),
  room('world of adapters', /^src\/adapters\/world\.ts$/, ['adapters', 'domain'], ['world']),
  {
    ...room('adapters', /^src\/adapters\//, ['domain', 'wire', 'zod', 'undici', 'node'], ['world']),
    // An adapter knows http and the files of its own far side; world.ts puts them together.
    neighbours: (path, target) =>
      /^src\/adapters\/http(\.ts$|\/)/.test(target) ||
      (dirname(path) !== 'src/adapters' && dirname(path) === dirname(target)),
  },
  room('limiter', /^src\/limiter\//, ['domain', 'pg', 'node'], ['world']),
  room('ledger', /^src\/ledger\//, ['domain', 'pg', 'node-pg-migrate', 'node'], ['world']),
  room('stages', /^src\/stages\//, ['domain', 'ledger', 'uuid', 'node'], ['world']),
  room('decisions', /^src\/decisions\//, ['domain', 'ledger', 'stages', 'node'], ['world']),
  room(
    'activities',
    /^src\/activities\//,
    ['domain', 'ledger', 'stages', '@temporalio/activity', '@temporalio/common', 'node'],
    ['world'],
  ),
  room('workflows', /^src\/workflows\//, ['domain', '@temporalio/workflow'], ['activities']),
  room(
    'starts',
    /^src\/(starts|schedules)\.ts$/,
    ['domain', WORKFLOW_NAMES, '@temporalio/client'],
    ['world'],
  ),
  room(
    'operations',
    /^src\/operations\//,
    ['domain', 'ledger', 'stages', 'starts', 'node'],
    ['world'],
  ),
  // The mains wire the rooms together; the log and the metrics are handed to everybody else.
  room(
    'mains',
    /^src\/(gateway\/main|wiring|served|stories|metrics|log|worker|start|cli\/.+)\.ts$/,
    'anything',
  ),
  room(
    'gateway',
    /^src\/gateway\//,
    [
      ...['wire', 'domain', 'decisions', 'operations', 'starts'],
      ...[/^src\/ledger\/(inbox|uses)\.ts$/, 'zod', 'node'],
      ...['fastify', 'fastify-type-provider-zod', '@fastify/swagger', '@fastify/swagger-ui'],
    ],
    ['world'],
  ),
  // An independent reading of the API keeps both sides honest: nothing of src.
  room('sandbox', /^sandbox\//, [/^(?!src\/|local\/|demo\/|bench\/|test\/)/]),
  room('local', /^local\//, [/^(?!src\/|sandbox\/|demo\/|bench\/|test\/)/]),
  room('demo', /^demo\//, 'anything'),
  room('bench', /^bench\//, 'anything'),
];

function room(
  name: string,
  files: RegExp,
  values: Room['values'],
  types: Room['types'] = [],
): Room {
  return { name, files, values, types };
}
