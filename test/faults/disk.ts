import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { versionOf } from '../../local/tool.ts';

/** The journal's files are as large as this, and stay writable: `smallJournal` of the local Postgres. */
const roomBytes = 1_048_576;

/** Whether this machine can play a full disk: it takes Linux and util-linux. */
export function canFillDisks(): boolean {
  return process.platform === 'linux' && versionOf('prlimit', '--version') !== undefined;
}

/**
 * Leaves a Postgres no room: from now on no file grows beyond 1 MB, in none of its processes. Small
 * tables can still be written and large ones read, but no batch can be stored: an effect begins, and
 * cannot be settled. It is the limit that the system keeps for each process (RLIMIT_FSIZE), so nobody
 * else on the machine runs out of anything.
 */
export function fillDisk(postmaster: number): void {
  limit(postmaster, String(roomBytes));
}

export function emptyDisk(postmaster: number): void {
  limit(postmaster, 'unlimited');
}

function limit(postmaster: number, bytes: string): void {
  // The parent first: whoever is born between the two looks inherits it.
  // Under its own account: not even root may do this to others' processes everywhere.
  const { uid, gid } = statSync(`/proc/${postmaster}`);
  for (const pid of [postmaster, ...childrenOf(postmaster)]) {
    spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { uid, gid, cwd: '/' });
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [, parentOf] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(parentOf) === parent ? [Number(name)] : [];
    } catch {
      // It ended between the two looks.
      return [];
    }
  });
}
