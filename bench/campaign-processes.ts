import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Clock ticks of a processor second, as /proc counts them on Linux. */
const ticksPerSecond = 100;

/** A Node process of this project under measurement. */
export interface Program {
  pid: number;
  /** What its first line that matched `ready` had in its first group. */
  said: string;
  /** Rejects when it ends by itself, with its last words. */
  died: Promise<never>;
  lastWords(): string;
  /** Ends it with SIGTERM, and waits until it is gone. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  /** Its main, as a path below the project's folder. */
  main: string;
  args?: string[];
  env?: Record<string, string>;
  /** Node's own flags, such as `--cpu-prof`. */
  nodeFlags?: string[];
  ready: RegExp;
}

const readyWithinMs = 120_000;
const lastWordsLength = 4_000;

/** Starts a program and waits for the line that says it is ready. Rejects with its last words. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { main, args = [], env = {}, nodeFlags = [], ready } = options;
  const path = fileURLToPath(new URL(`../${main}`, import.meta.url));
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [...nodeFlags, path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, ...env },
  });
  let words = '';
  const isReady = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-lastWordsLength);
      const found = ready.exec(words);
      if (found) isReady.resolve(found[1] ?? '');
    });
  }
  // Whoever interrupts the bench interrupts all of it.
  const endWithUs = () => void child.kill('SIGTERM');
  process.once('exit', endWithUs);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const died = ended.then((code): never => {
    process.off('exit', endWithUs);
    throw new Error(`${main} ended with ${code}:\n${words}`);
  });
  died.catch(() => {});
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  const bound = setTimeout(() => {
    isReady.reject(new Error(`${main} was not ready in time:\n${words}`));
  }, readyWithinMs);
  try {
    const said = await Promise.race([isReady.promise, died]);
    return { pid: child.pid ?? 0, said, died, lastWords: () => words, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(bound);
  }
}

/** Runs a program to its end; returns the first group of the line it ended with. */
export async function runProgram(options: ProgramOptions): Promise<string> {
  const program = await startProgram(options);
  await program.died.catch(() => {});
  return program.said;
}

interface Line {
  pid: number;
  parent: number;
  seconds: number;
}

/** Processor seconds that a process and all below it have spent, those that ended among them. */
export function processorSeconds(pid: number): number {
  const lines = readLines();
  const below = (parent: number): number =>
    lines
      .filter((line) => line.parent === parent)
      .reduce((sum, line) => sum + line.seconds + below(line.pid), 0);
  return (lines.find((line) => line.pid === pid)?.seconds ?? 0) + below(pid);
}

/** The pid of our own child whose command line holds this text. */
export function childWith(text: string): number {
  const found = readLines().find(
    ({ pid, parent }) => parent === process.pid && read(`/proc/${pid}/cmdline`).includes(text),
  );
  if (!found) throw new Error(`No process of ours has ${text} in its command line`);
  return found.pid;
}

/** The most memory a process ever held, MiB. */
export const peakMiB = (pid: number): number => mebibytes(pid, /^VmHWM:\s+(\d+) kB$/m);

/** The memory a process holds now, MiB. */
export const residentMiB = (pid: number): number => mebibytes(pid, /^VmRSS:\s+(\d+) kB$/m);

function mebibytes(pid: number, line: RegExp): number {
  const [, kib] = line.exec(read(`/proc/${pid}/status`)) ?? [];
  return Number(kib) / 1_024;
}

function readLines(): Line[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = read(`/proc/${name}/stat`);
      // The command's name, in parentheses, may hold blanks: the fields are counted behind it.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [, parent = 0] = fields;
      // Own time in both modes, and that of children that were waited for.
      const ticks = fields.slice(11, 15).reduce((sum, one) => sum + one, 0);
      return stat ? [{ pid: Number(name), parent, seconds: ticks / ticksPerSecond }] : [];
    });
}

/** Empty for a process that has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
