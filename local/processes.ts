import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that cannot be taken for another: pids wrap, start times do not repeat with them. */
export type ProcessIdentity = { pid: number; startedAt: string };

/** What to send, and how long to wait for the end before the next signal is sent. */
export type Farewell = { signal: NodeJS.Signals; waitMs: number };

const POLL_MS = 25;

/** What process this pid is now; undefined when there is none, or only a corpse nobody reaps. */
export function inspect(pid: number): (ProcessIdentity & { command: string }) | undefined {
  return process.platform === 'linux' ? inspectProc(pid) : inspectPs(pid);
}

export function isRunning({ pid, startedAt }: ProcessIdentity): boolean {
  return inspect(pid)?.startedAt === startedAt;
}

/** Ends a process with ever plainer signals, SIGKILL last; a process that is gone is ended. */
export async function endProcess(target: ProcessIdentity, farewells: Farewell[]): Promise<void> {
  for (const { signal, waitMs } of [
    ...farewells,
    { signal: 'SIGKILL', waitMs: 2_000 } satisfies Farewell,
  ]) {
    if (!isRunning(target)) return;
    try {
      process.kill(target.pid, signal);
    } catch {
      // It ended between the look and the signal, or is not ours: the next look tells.
    }
    if (await until(() => !isRunning(target), waitMs)) return;
  }
  throw new Error(`process ${target.pid} does not end, not even by SIGKILL`);
}

/** Waits for a condition; false when the bound, in milliseconds, has passed first. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  boundMs: number,
): Promise<boolean> {
  const end = performance.now() + boundMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= end) return false;
    await delay(POLL_MS);
  }
}

function inspectProc(pid: number) {
  try {
    // The command's name, in parentheses, may hold blanks: count the fields behind it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startedAt] = [fields[0], fields[19]];
    if (state === 'Z' || startedAt === undefined) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return { pid, startedAt, command };
  } catch {
    return undefined;
  }
}

function inspectPs(pid: number) {
  const ps = spawnSync('ps', ['-o', 'state=,lstart=,command=', '-p', String(pid)], {
    encoding: 'utf8',
  });
  const [, state, startedAt, command] = /^(\S+)\s+(.{24})\s+(.*)/.exec(ps.stdout ?? '') ?? [];
  if (startedAt === undefined || command === undefined || state?.startsWith('Z')) return undefined;
  return { pid, startedAt, command };
}
