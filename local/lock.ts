import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { inspect, isRunning, type ProcessIdentity } from './processes.ts';

export type Lock = { release(): void };

/**
 * Takes the lock that a file stands for, or names the process that holds it. A lock whose owner
 * has died, however it died, is taken over.
 */
export function takeLock(file: string): { lock: Lock } | { heldBy: number } {
  const owner = readOwner(file);
  if (owner !== undefined && isRunning(owner)) return { heldBy: owner.pid };
  if (owner !== undefined) bury(file, owner);

  const self = inspect(process.pid);
  if (self === undefined) throw new Error('cannot tell what this process is: is `ps` installed?');
  const draft = `${file}.${randomUUID()}`;
  // Written first and linked then: nobody ever reads half a lock.
  writeFileSync(draft, JSON.stringify({ pid: self.pid, startedAt: self.startedAt }));
  try {
    linkSync(draft, file);
    return { lock: { release: once(() => rmSync(file, { force: true })) } };
  } catch (error) {
    const winner = readOwner(file);
    if (winner === undefined) throw error;
    return { heldBy: winner.pid };
  } finally {
    rmSync(draft);
  }
}

/** A lock let go twice would be the next owner's the second time. */
function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

/** Moves a dead owner's lock away; one that came alive since we looked is put back. */
function bury(file: string, dead: ProcessIdentity): void {
  const grave = `${file}.${randomUUID()}`;
  try {
    renameSync(file, grave);
    const buried = readOwner(grave);
    if (buried?.pid !== dead.pid || buried.startedAt !== dead.startedAt) linkSync(grave, file);
  } catch {
    // Another process was quicker; who owns the lock now shows in the next step.
  } finally {
    rmSync(grave, { force: true });
  }
}

function readOwner(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
