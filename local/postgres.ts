import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Child, launch } from './child.ts';
import { type Place, takePlace } from './data-folder.ts';
import { freePort } from './ports.ts';
import { type Account, findAccount, findBinaries } from './postgres-binaries.ts';
import { endProcess, type Farewell, inspect, until } from './processes.ts';

const START_BOUND_MS = 60_000;

/** Fast shutdown, then an immediate one, after which the next start replays the journal. */
const FAREWELLS: [Farewell, ...Farewell[]] = [
  { signal: 'SIGINT', waitMs: 8_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
];

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  wal_compression: 'pglz',
  timezone: 'UTC',
};

/** For tests, whose data may be lost with the machine. */
const FAST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum_naptime: '10min',
};

export type PostgresOptions = {
  dataFolder: string;
  /** Gives up durability for speed: for tests only. */
  fast?: boolean;
  /** Used where the folder remembers none; absent: any free one. */
  port?: number;
  /**
   * Journal files of 1 MB instead of 16, fixed when the folder is made: a limit on the size of files,
   * which plays a full disk, can then spare the journal.
   */
  smallJournal?: boolean;
  log?: (line: string) => void;
};

export type Postgres = {
  url: string;
  /** Of the process that all others of this server descend from. */
  pid: number;
  stop(): Promise<void>;
  /** Ends it without a warning, as a crash does; the folder may be started on again. */
  kill(): Promise<void>;
};

/**
 * Starts a real Postgres on the loopback with its data under `<dataFolder>/postgres`. The same
 * folder goes on where it was, on the same port if that is free. Throws one clear sentence when
 * a living process uses the folder, or with the server's last words when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { dataFolder, fast = false, smallJournal = false, log = () => {} } = options;
  const place = takePlace(dataFolder, 'postgres');
  try {
    await endLeftover(place);
    if (place.remembered.port === undefined && options.port !== undefined) {
      place.remember({ port: options.port });
    }
    const data = place.file('');
    const bin = await findBinaries(log);
    const account = findAccount(dirname(data));
    if (!existsSync(data)) {
      log(`making a database in ${data}`);
      createCluster({ place, bin, account, fast, smallJournal });
    }
    const child = await startOnPort({ place, bin, account, fast });
    log(`Postgres listens on 127.0.0.1:${place.remembered.port}`);
    return {
      url: urlOf(place),
      pid: child.identity.pid,
      async stop() {
        await child.stop();
        place.lock.release();
      },
      async kill() {
        await child.kill();
        place.lock.release();
      },
    };
  } catch (error) {
    place.lock.release();
    throw error;
  }
}

type Cluster = { place: Place; bin: string; account: Account; fast: boolean };

/** Makes the data folder under another name first: half a folder must never look like one. */
function createCluster(cluster: Cluster & { smallJournal: boolean }): void {
  const { place, bin, account, fast, smallJournal } = cluster;
  const draft = place.file('.partial');
  const passwordFile = place.file('.password');
  const password = randomBytes(18).toString('base64url');
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) {
    for (const path of [draft, passwordFile]) chownSync(path, account.uid, account.gid);
  }
  const { command, args, ...rest } = account.run(join(bin, 'initdb'), [
    `--pgdata=${draft}`,
    `--pwfile=${passwordFile}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    // The same order of strings on every machine.
    '--no-locale',
    '--encoding=UTF8',
    ...(fast ? ['--no-sync'] : []),
    ...(smallJournal ? ['--wal-segsize=1'] : []),
  ]);
  const made = spawnSync(command, args, { ...rest.account, cwd: '/', encoding: 'utf8' });
  rmSync(passwordFile);
  if (made.status !== 0) {
    const reason = made.error?.message ?? made.stderr.trim();
    throw new Error(`Postgres could not make its data folder ${place.file('')}: ${reason}`);
  }
  place.remember({ password });
  renameSync(draft, place.file(''));
}

async function startOnPort({ place, bin, account, fast }: Cluster): Promise<Child> {
  const giveUpAt = performance.now() + START_BOUND_MS;
  // Between our look at a port and Postgres's bind another process may take it: look again.
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(place.remembered.port);
    const settings = { port: String(port), ...SETTINGS, ...(fast ? FAST_SETTINGS : {}) };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const { account: user, ...run } = account.run(join(bin, 'postgres'), [
      '-D',
      place.file(''),
      ...flags,
    ]);
    const child = await launch({
      ...run,
      account: user,
      logFile: place.file('.log'),
      farewells: FAREWELLS,
    });
    place.remember({ port, server: child.identity });
    const url = urlOf(place);
    const ended = () => child.hasEnded();
    const up = await until(async () => ended() || (await answers(url)), START_BOUND_MS);
    if (up && !ended()) return child;

    await child.stop();
    if (attempt < 3 && child.lastWords().includes('could not bind')) continue;
    // Of a server that was killed, each part ends when it notices: the folder is theirs until then.
    if (child.lastWords().includes('is still in use') && performance.now() < giveUpAt) {
      await delay(100);
      continue;
    }
    throw new Error(`Postgres did not start. Its last words:\n${child.lastWords()}`);
  }
}

/** Ends the Postgres of an earlier owner that died, by our notes or by Postgres's own. */
async function endLeftover(place: Place): Promise<void> {
  const { server } = place.remembered;
  if (server !== undefined) await endProcess(server, FAREWELLS);
  const pidFile = join(place.file(''), 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  const found = inspect(pid);
  if (found?.command.includes(place.file(''))) await endProcess(found, FAREWELLS);
  // Postgres refuses to start when the pid in this file has meanwhile become another program's.
  rmSync(pidFile, { force: true });
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function urlOf({ remembered }: Place): string {
  return `postgres://postgres:${remembered.password}@127.0.0.1:${remembered.port}/postgres`;
}
