import type { FaultRule } from '../../sandbox/faults.ts';
import type { Picks } from './picks.ts';
import { type FarSideName, farSideNames } from './world.ts';

/** Something that goes wrong at an instant, milliseconds from when the world was ready. */
export type Incident = { atMs: number } & (
  | { kind: 'kill'; what: 'worker' | 'gateway'; index: number; downMs: number }
  | { kind: 'kill'; what: 'postgres' | 'temporal'; downMs: number }
  | { kind: 'freeze'; what: 'worker'; index: number; forMs: number }
  | { kind: 'away'; farSide: FarSideName; forMs: number }
  | { kind: 'disk'; forMs: number }
  | { kind: 'storm'; rules: FaultRule[] }
);

/** Work on a campaign takes about so long; what comes later meets its end, or nothing. */
const spanMs = 14_000;

export function pickIncidents(
  picks: Picks,
  parts: { gateways: number; workers: number },
): Incident[] {
  const incidents = Array.from({ length: picks.between(2, 5) }, () => pickIncident(picks, parts));
  return incidents.sort((a, b) => a.atMs - b.atMs);
}

function pickIncident(picks: Picks, parts: { gateways: number; workers: number }): Incident {
  const atMs = picks.between(300, spanMs);
  const downMs = picks.of([0, 200, 1_000, 4_000]);
  const kind = picks.of([
    ...['worker', 'worker', 'worker', 'gateway', 'postgres', 'temporal'],
    ...['freeze', 'away', 'disk', 'storm', 'storm', 'storm'],
  ] as const);
  switch (kind) {
    case 'worker':
      return { kind: 'kill', what: kind, index: picks.between(1, parts.workers), atMs, downMs };
    case 'gateway':
      return { kind: 'kill', what: kind, index: picks.between(1, parts.gateways), atMs, downMs };
    case 'postgres':
    case 'temporal':
      return { kind: 'kill', what: kind, atMs, downMs };
    case 'freeze': {
      const index = picks.between(1, parts.workers);
      return { kind, what: 'worker', index, atMs, forMs: picks.between(500, 8_000) };
    }
    case 'away':
      return { kind, farSide: picks.of(farSideNames), atMs, forMs: picks.between(500, 8_000) };
    case 'disk':
      return { kind, atMs, forMs: picks.between(1_000, 6_000) };
    case 'storm':
      return { kind, atMs, rules: pickRules(picks) };
  }
}

const calls = [
  ...['details', 'audience', 'screenings', 'validate', 'validate', 'assignments', 'allocations'],
  ...['allocations', 'lookups', 'upload', 'status', 'status', 'redemptions', 'revocations'],
] as const;

function pickRules(picks: Picks): FaultRule[] {
  return Array.from({ length: picks.between(1, 4) }, (): FaultRule => {
    const kind = picks.of(calls);
    const forSeconds = picks.between(2, 8);
    // An answer that never comes costs the whole time of a call: once is enough.
    if (picks.chance(0.08)) return { kind, fault: 'hang', calls: [1], forSeconds };
    if (kind === 'audience' && picks.chance(0.4)) {
      return { kind, fault: 'shift', rows: picks.between(1, 40), forSeconds, probability: 0.5 };
    }
    return {
      kind,
      fault: picks.of(['429', '500', '503', 'refuse', 'slow', 'half', 'reset', 'reset'] as const),
      probability: picks.of([0.2, 0.5, 1]),
      ms: picks.between(300, 3_000),
      forSeconds,
    };
  });
}
