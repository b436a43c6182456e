import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { endProcess, type Farewell, inspect, type ProcessIdentity, until } from './processes.ts';

const REAPED_WITHIN_MS = 5_000;

export type Command = {
  command: string;
  args: string[];
  /** Where both output streams go; begun anew at each start, unless it appends. */
  logFile: string;
  appends?: boolean;
  farewells: [Farewell, ...Farewell[]];
  account?: Pick<SpawnOptions, 'uid' | 'gid'>;
  /** Absent: our own environment. */
  env?: NodeJS.ProcessEnv;
};

export type Child = {
  identity: ProcessIdentity;
  hasEnded(): boolean;
  ended: Promise<void>;
  /** Its last lines of output, to be shown in an error. */
  lastWords(): string;
  stop(): Promise<void>;
  /** Ends it without a warning, as a crash does. */
  kill(): Promise<void>;
};

/**
 * Starts a server that outlives a signal to the owner's process group, so that the owner can let
 * go in its own order, but never the owner itself.
 */
export async function launch(what: Command): Promise<Child> {
  const { command, args, logFile, farewells, env } = what;
  const log = openSync(logFile, what.appends ? 'a' : 'w', 0o600);
  const child = spawn(command, args, {
    ...what.account,
    ...(env && { env }),
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const { pid = 0 } = child;
  const identity = { pid, startedAt: inspect(pid)?.startedAt ?? 'ended at once' };
  const guard = watchOwner(pid, farewells[0].signal);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.once('exit', guard.dismiss).unref();

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  async function end(signals: Farewell[]): Promise<void> {
    await endProcess(identity, signals);
    // A corpse of many threads keeps its ports until the last of them is gone and it is reaped.
    await until(hasEnded, REAPED_WITHIN_MS);
  }

  return {
    identity,
    ended,
    hasEnded,
    lastWords: () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-8).join('\n'),
    stop: () => end(farewells),
    kill: () => end([]),
  };
}

/**
 * A shell that waits on a pipe only we hold: when we are gone, even by SIGKILL, the pipe closes
 * and the server is told to end.
 */
function watchOwner(pid: number, signal: NodeJS.Signals): { dismiss(): void } {
  const script = 'read -r _; kill -s "$2" "$1"';
  const guard = spawn('sh', ['-c', script, 'guard', String(pid), signal.slice('SIG'.length)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  guard.stdin.on('error', () => {});
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  return { dismiss: () => guard.kill('SIGKILL') };
}
