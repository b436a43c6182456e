import { Connection } from '@temporalio/client';
import type { Say } from './cache.ts';
import { type Child, launch } from './child.ts';
import { type Place, takePlace } from './data-folder.ts';
import { freePort, isListening } from './ports.ts';
import { endProcess, type Farewell, until } from './processes.ts';
import { hasSearchAttributes } from './search-attributes.ts';
import { findTemporal } from './temporal-program.ts';

const NAMESPACE = 'default';
const START_BOUND_MS = 60_000;
const FAREWELLS: [Farewell, ...Farewell[]] = [{ signal: 'SIGTERM', waitMs: 5_000 }];

const DYNAMIC_CONFIG = {
  // A history advances in steps of 50 ms without these two: a campaign takes four times as long.
  'history.transferProcessorMaxPollRPS': 2000,
  'history.transferProcessorMaxPollHostRPS': 2000,
  'matching.enableFairness': true,
  // A worker that schedules an activity may take it at once: a fifth less work for the server.
  'system.enableActivityEagerExecution': true,
};

export type TemporalOptions = {
  dataFolder: string;
  /** `Name=Type` pairs, such as `Tenant=Keyword`. */
  searchAttributes: string[];
  /** Used where the folder remembers none; absent: any free one. */
  port?: number;
  say: Say;
};

export type Temporal = {
  address: string;
  namespace: string;
  uiUrl: string;
  stop(): Promise<void>;
  /** Ends it without a warning, as a crash does; the folder may be started on again. */
  kill(): Promise<void>;
};

/**
 * Starts a Temporal dev server with its Web UI on the loopback, its state in
 * `<dataFolder>/temporal.db`. The same folder goes on where it was, on the same ports if they are
 * free. Throws one clear sentence when a living process uses the folder or no server can be had,
 * or the server's last words when it does not come up.
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const place = takePlace(options.dataFolder, 'temporal');
  try {
    const { server } = place.remembered;
    if (server !== undefined) await endProcess(server, FAREWELLS);
    if (place.remembered.port === undefined && options.port !== undefined) {
      place.remember({ port: options.port });
    }
    const program = await findTemporal(options.say);
    const child = await startOnPorts(place, program, options.searchAttributes);
    const { port, uiPort } = place.remembered;
    const uiUrl = `http://127.0.0.1:${uiPort}`;
    options.say(`Temporal listens on 127.0.0.1:${port}, its Web UI on ${uiUrl}`);
    return {
      address: `127.0.0.1:${port}`,
      namespace: NAMESPACE,
      uiUrl,
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

async function startOnPorts(
  place: Place,
  program: string,
  searchAttributes: string[],
): Promise<Child> {
  // Between our look at a port and the server's bind another process may take it: look again.
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(place.remembered.port);
    const uiPort = await freePort(place.remembered.uiPort);
    const child = await launch({
      command: program,
      args: argumentsFor({ port, uiPort, file: place.file('.db'), searchAttributes }),
      logFile: place.file('.log'),
      farewells: FAREWELLS,
    });
    place.remember({ port, uiPort, server: child.identity });
    const ended = () => child.hasEnded();
    const isUp = () => isReady(port, searchAttributes);
    const up = await until(async () => ended() || (await isUp()), START_BOUND_MS);
    if (up && !ended()) return child;

    await child.stop();
    if (attempt < 3 && child.lastWords().includes('address already in use')) continue;
    throw new Error(`the Temporal server did not start. Its last words:\n${child.lastWords()}`);
  }
}

type Launch = { port: number; uiPort: number; file: string; searchAttributes: string[] };

function argumentsFor({ port, uiPort, file, searchAttributes }: Launch): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', `${port}`, '--ui-port', `${uiPort}`],
    ...['--namespace', NAMESPACE, '--log-level', 'error', '--ui-disable-news-fetch'],
    ...['--db-filename', file],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=OFF'],
    ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
    ...searchAttributes.flatMap((pair) => ['--search-attribute', pair]),
  ];
}

/** Answers, has its namespace, and knows our search attributes. */
async function isReady(port: number, searchAttributes: string[]): Promise<boolean> {
  // gRPC waits a whole second after a refused connection: look first.
  if (!(await isListening(port))) return false;
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: '2s' });
    await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
    return await hasSearchAttributes(connection, NAMESPACE, searchAttributes);
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}
