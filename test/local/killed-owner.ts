import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type Owner = {
  /** Where its server listens. */
  address: string;
  kill(): Promise<void>;
};

/** Starts a server in a process of its own, which can be killed as an operator's mistake would. */
export async function startOwner(
  server: 'postgres' | 'temporal',
  dataFolder: string,
): Promise<Owner> {
  const script = fileURLToPath(new URL('./owner.ts', import.meta.url));
  const owner: ChildProcess = spawn(process.execPath, [script, server, dataFolder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(owner, 'exit');
  if (owner.stdout === null) throw new Error('the owner has no output');
  const [first] = await Promise.race([
    once(owner.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the owner ended early'))),
  ]);
  return {
    address: String(first).trim(),
    async kill() {
      owner.kill('SIGKILL');
      await ended;
    },
  };
}
