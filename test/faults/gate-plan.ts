import type { z } from 'zod';
import type { FaultRule } from '../../sandbox/faults.ts';
import type { checksOptions, triggeredOptions } from '../../sandbox/triggered/options.ts';
import type { Tenancy } from '../whole/tenancy.ts';
import type { Incident } from './incidents.ts';
import { createPicks, type Picks } from './picks.ts';

/** Everything a seed decides of a gate under fire. Instants count from when the world is ready. */
export interface GatePlan {
  seed: number;
  gateways: number;
  workers: number;
  tenancy: Tenancy;
  hookRules: FaultRule[];
  campaign: z.input<typeof triggeredOptions>;
  fire: z.input<typeof checksOptions> & { perSecond: number; forSeconds: number };
  incidents: Incident[];
  /** Event 4, milliseconds. */
  cancelAtMs: number | undefined;
}

const forSeconds = 10;
/** What comes in the last seconds would meet nobody. */
const spanMs = (forSeconds - 2) * 1_000;

export function gatePlanOf(seed: number): GatePlan {
  const picks = createPicks(seed);
  const parts = { gateways: 2, workers: 1 };
  const incidents = pickIncidents(picks, parts);
  const perSecond = picks.of([20, 50, 100]);
  // While the ledger is away no process can know what another has told; until then each answers its own.
  const hearsAll = !incidents.some((one) => one.kind === 'kill' && one.what === 'postgres');
  const repeatShare = hearsAll ? picks.of([0, 0.2]) : 0;
  const repeats = picks.of(['once', 'once', 'each'] as const);
  const window = { repeats, repeatWindowSeconds: repeats === 'each' ? 2 : 600 };
  const codes = picks.of([['SPRING25'], ['SPRING25'], ['SPRING25', 'FS10'], []]);
  return {
    ...{ seed, ...parts, hookRules: [], incidents },
    tenancy: pickTenancy(picks, window),
    campaign: {
      ...{ codes: [...codes], ...window, customers: perSecond * forSeconds * 2 },
      visitorShare: picks.of([0, 0.05]),
    },
    fire: {
      ...{ perSecond, forSeconds, repeatShare },
      repeatAfterMs: repeats === 'each' ? 300 : picks.of([0, 300, 2_500]),
      laterShare: repeats === 'each' ? 0.2 : 0,
    },
    cancelAtMs: picks.chance(0.2) ? picks.between(2_000, spanMs) : undefined,
  };
}

function pickTenancy(picks: Picks, window: Record<string, unknown>): Tenancy {
  const limit = picks.of([null, null, { requests: 30, perSeconds: 2 }]);
  return {
    section: {
      ...(limit && { optimove: { rateLimit: limit } }),
      triggered: { gate: true, ...window },
    },
    farSides: {
      optimove: { limit },
      promotions: { limit },
      latencyMs: {
        promotions: picks.between(10, 150),
        platform: picks.between(5, 80),
      },
      profile: { validationConsumes: picks.chance(0.6) },
    },
  };
}

/** Gateways die above all; the rest goes wrong beside it. */
function pickIncidents(picks: Picks, parts: { gateways: number; workers: number }): Incident[] {
  const killed = Array.from({ length: picks.between(1, 3) }, () => killGateway(picks, parts));
  const others = Array.from({ length: picks.between(1, 3) }, () => pickIncident(picks, parts));
  return [...killed, ...others].sort((a, b) => a.atMs - b.atMs);
}

function killGateway(picks: Picks, { gateways }: { gateways: number }): Incident {
  const atMs = picks.between(500, spanMs);
  const downMs = picks.of([0, 200, 1_000, 4_000]);
  return { kind: 'kill', what: 'gateway', index: picks.between(1, gateways), atMs, downMs };
}

function pickIncident(picks: Picks, { workers }: { workers: number }): Incident {
  const atMs = picks.between(300, spanMs);
  const downMs = picks.of([0, 200, 1_000, 4_000]);
  switch (picks.of(['worker', 'postgres', 'away', 'storm', 'storm', 'storm'] as const)) {
    case 'worker':
      return { kind: 'kill', what: 'worker', index: picks.between(1, workers), atMs, downMs };
    case 'postgres':
      return { kind: 'kill', what: 'postgres', atMs, downMs };
    case 'away': {
      const farSide = picks.of(['promotions', 'platform'] as const);
      return { kind: 'away', farSide, atMs, forMs: picks.between(500, 4_000) };
    }
    case 'storm':
      return { kind: 'storm', atMs, rules: pickRules(picks) };
  }
}

const calls = [
  ...['screenings', 'validate', 'validate'],
  ...['allocations', 'allocations', 'revocations'],
] as const;

function pickRules(picks: Picks): FaultRule[] {
  return Array.from({ length: picks.between(1, 3) }, (): FaultRule => {
    const kind = picks.of(calls);
    return {
      kind,
      fault: picks.of([
        ...['429', '500', '503', 'refuse', 'slow'],
        ...['half', 'reset', 'reset', 'hang'],
      ] as const),
      probability: picks.of([0.1, 0.3, 1]),
      ms: picks.between(300, 3_000),
      forSeconds: picks.between(1, 4),
    };
  });
}
