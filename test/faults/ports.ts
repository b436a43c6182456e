import { freePort } from '../../local/ports.ts';

/**
 * A port that only its owner takes again after a crash: below those that systems hand out to
 * connections, one of which could otherwise sit on it when the server comes back.
 */
export async function lastingPort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const wanted = 15_000 + Math.floor(Math.random() * 17_000);
    if ((await freePort(wanted)) === wanted) return wanted;
  }
  throw new Error('no free port between 15000 and 32000 on 127.0.0.1');
}
