import { Fault } from '../../domain/fault.ts';
import type { Outgoing } from './exchange.ts';

/** After a far side refused our key, calls that were on their way with it are not sent for this long. */
const refusalMs = 5_000;

/** The halt stops what begins later; this stops what had begun before: one wrong key, few calls. */
export function createRefusals() {
  let refused: { key: string; until: number } | undefined;
  return {
    remember({ headers }: Outgoing): void {
      refused = { key: keyOf(headers), until: performance.now() + refusalMs };
    },
    forget(): void {
      refused = undefined;
    },
    check({ name, headers }: Outgoing): void {
      if (!refused || performance.now() > refused.until || refused.key !== keyOf(headers)) return;
      throw new Fault('unauthorized', `${name}: not sent, its key was refused just now`);
    },
  };
}

/** What of the headers is our key. The platform has none: the secret behind a signature does not show. */
export function keyOf(headers: Record<string, string>): string {
  return `${headers['x-api-key']} ${headers['x-brand-key']}`;
}
