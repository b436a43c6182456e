import { posix } from 'node:path';
import { ROOMS, type Room } from './rooms.ts';

export type Source = { path: string; source: string };

/** One import: what it names (a path from the root, or a package) and whether for types alone. */
export type Import = { target: string; typeOnly: boolean };

// The formatter puts a declaration at the start of a line. In front of `from` stands anything but
// a quote or a semicolon.
const DECLARATION =
  /^(?:import|export)\b(?<clause>[^'";]*?)(?:\bfrom\s*)?['"](?<named>[^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"`](?<named>[^'"`]+)['"`]/g;

/** Every place of a file that names another: import, export from, and import(…). */
export function readImports({ path, source }: Source): Import[] {
  const resolve = (named: string) =>
    named.startsWith('.') ? posix.join(posix.dirname(path), named) : packageOf(named);
  const declared = [...source.matchAll(DECLARATION)]
    // `export const name = 'text'` is no import: only a clause of names stands before `from`.
    .filter(([text]) => text.startsWith('import') || / from\s*['"]/.test(text))
    .map(({ groups }) => ({
      target: resolve(groups?.['named'] ?? ''),
      typeOnly: /^\s*type\b(?!\s*,|\s+from)/.test(groups?.['clause'] ?? ''),
    }));
  const dynamic = [...source.matchAll(DYNAMIC)].map(({ groups }) => ({
    target: resolve(groups?.['named'] ?? ''),
    typeOnly: false,
  }));
  return [...declared, ...dynamic];
}

/** Every import that the table of rooms does not allow, and every file that stands in no room. */
export function findViolations(sources: Source[]): string[] {
  return sources.flatMap((file) => {
    const room = roomOf(file.path);
    if (room === undefined) return [`${file.path} stands in no room`];
    return readImports(file)
      .filter((one) => !isAllowed(file.path, room, one))
      .map(({ target, typeOnly }) => {
        return `${file.path} (${room.name}) imports ${typeOnly ? 'types' : 'values'} from ${target}`;
      });
  });
}

function isAllowed(path: string, room: Room, { target, typeOnly }: Import): boolean {
  if (room.values === 'anything') return true;
  const targetRoom = roomOf(target)?.name;
  if (targetRoom === room.name) return room.neighbours?.(path, target) ?? true;
  const name = targetRoom ?? (target.startsWith('node:') ? 'node' : target);
  const allowed = typeOnly ? [...room.values, ...room.types] : room.values;
  return allowed.some((one) => (typeof one === 'string' ? one === name : one.test(target)));
}

function roomOf(path: string): Room | undefined {
  return ROOMS.find(({ files }) => files.test(path));
}

function packageOf(named: string): string {
  if (named.startsWith('node:')) return named;
  return named
    .split('/')
    .slice(0, named.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * Updates that lose what happened meanwhile: `total += (await child()).count` reads `total`
 * before it waits. Deterministic, so that no replay ever shows it.
 */
export function findLostUpdates(sources: Source[]): string[] {
  const compound = /^.*[-+*/|&?]=(?!=)(?!>)[^;{]*?\bawait\b.*$/gm;
  const spelledOut = /^.*\b([\w.]+) = \1 [-+*/][^;{]*?\bawait\b.*$/gm;
  return sources.flatMap(({ path, source }) =>
    [compound, spelledOut].flatMap((pattern) =>
      [...source.matchAll(pattern)].map(([text]) => `${path}: ${text.trim()}`),
    ),
  );
}
