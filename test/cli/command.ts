import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../bin/promoflow.js', import.meta.url));

export interface Run {
  code: number | null;
  out: string;
  err: string;
}

/** Runs `promoflow` as a user does, with these variables and no others of promoflow's. */
export async function promoflow(args: string[], variables: Record<string, string>): Promise<Run> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [command, ...args], {
    env: { PATH, PROMOFLOW_DATA: '/nonexistent', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}
