import type { CampaignOptions } from '../../sandbox/campaign.ts';
import type { FaultRule } from '../../sandbox/faults.ts';
import type { Tenancy } from '../whole/tenancy.ts';
import type { PlayedFlow } from './flow-plan.ts';
import { type Incident, pickIncidents } from './incidents.ts';
import { createPicks, type Picks } from './picks.ts';

/** Everything a seed decides. The instants count from when the world is ready, in milliseconds. */
export interface Plan {
  seed: number;
  gateways: number;
  workers: number;
  tenancy: Tenancy;
  /** Trouble with webhooks, all along. */
  hookRules: FaultRule[];
  campaigns: CampaignPlan[];
  incidents: Incident[];
}

export interface CampaignPlan {
  options: CampaignOptions;
  announceAtMs: number;
  /** Event 5 again, with a deadline so many seconds ahead of that instant. */
  reschedule: { atMs: number; deadlineInSeconds: number } | undefined;
  /** Event 4, before or after event 5, or once the campaign has come to its end. */
  cancelAt: number | 'end' | undefined;
  /** Its deadline leaves time for everything: then everybody must have been decided by it. */
  hasTime: boolean;
  /** Where the campaign is played beyond its sending: which way it goes, and how that is told. */
  flow?: PlayedFlow;
  /** It is sent so long after its deadline, or after the instant at which it would be announced. */
  executedLaterMs?: number;
  event?: 1 | 13;
}

export function planOf(seed: number): Plan {
  const picks = createPicks(seed);
  const { tenancy, codes } = pickTenancy(picks);
  const campaigns = Array.from({ length: picks.between(1, 2) }, () => pickCampaign(picks, codes));
  const hookRules: FaultRule[] = [
    { far: 'hooks', fault: 'duplicate', probability: picks.of([0, 0.5]) },
    { far: 'hooks', fault: 'late', ms: 1_500, probability: picks.of([0, 0.4]) },
  ];
  const gateways = picks.between(1, 2);
  const workers = picks.between(1, 2);
  const incidents = pickIncidents(picks, { gateways, workers });
  return { seed, gateways, workers, tenancy, hookRules, campaigns, incidents };
}

/** What the API leaves open (the profile), the sizes of calls, the far sides' pace. */
function pickTenancy(picks: Picks): { tenancy: Tenancy; codes: 'all' | 'any' } {
  const codes = picks.of(['all', 'all', 'any'] as const);
  const awards = picks.of(['validation', 'validation', 'execution'] as const);
  const limit = picks.of([null, null, { requests: 30, perSeconds: 2 }]);
  const maxItemsPerCall = picks.of([500, 1_000, 2_500]);
  const tenancy: Tenancy = {
    hasDataConnection: picks.chance(0.4),
    section: {
      optimove: {
        pageSize: picks.of([1_000, 2_500, 5_000]),
        ...(limit && { rateLimit: limit }),
      },
      promotions: {
        maxCustomersPerCall: picks.of([500, 1_000, 5_000]),
        recovery: awards === 'execution' ? 'lapse' : 'assignments',
      },
      platform: { maxItemsPerCall },
      scheduled: {
        codes,
        lanes: picks.of([1, 4, 8]),
        clearanceMarginSeconds: picks.between(1, 3),
        redeemEveryMinutes: 0,
      },
    },
    farSides: {
      optimove: { limit },
      promotions: { limit },
      // A platform that takes less than was configured teaches its size by 413.
      platform: { maxItemsPerCall: picks.of([10_000, 10_000, maxItemsPerCall - 150]) },
      latencyMs: {
        optimove: picks.between(20, 100),
        promotions: picks.between(50, 300),
        platform: picks.between(50, 250),
        data: picks.between(20, 100),
      },
      profile: {
        awards,
        validationConsumes: picks.chance(0.6),
        rejectedAwards: picks.chance(0.3),
        unknownIds: picks.of(['ignore', 'fail'] as const),
        lateReports: picks.of(['ignored', 'counted'] as const),
        answerOrder: picks.of(['reversed', 'given'] as const),
      },
    },
  };
  return { tenancy, codes };
}

function pickCampaign(picks: Picks, approvalNeeds: 'all' | 'any'): CampaignPlan {
  const announceAtMs = picks.between(0, 2_000);
  const story = picks.of(['plain', 'plain', 'canceled', 'moved', 'deletedAtEnd'] as const);
  // A quarter has all the time it needs; the others feel their deadline.
  const hasTime = story === 'plain' && picks.chance(0.5);
  const movesAt = announceAtMs + picks.between(1_000, 9_000);
  return {
    options: {
      customers: picks.between(2_000, 24_000),
      deadlineInSeconds: hasTime ? 150 : picks.between(12, 35),
      severalCodesShare: picks.of([0, 0.1, 0.3]),
      withoutCodeShare: picks.of([0, 0, 0.05]),
      duplicateShare: picks.of([0, 0, 0.03]),
      malformedRows: picks.of([0, 7]),
      codesAs: picks.of(['comma', 'array'] as const),
      ids: picks.of(['sequential', 'uuid'] as const),
      approvalNeeds,
    },
    announceAtMs,
    reschedule:
      story === 'moved' ? { atMs: movesAt, deadlineInSeconds: picks.of([8, 20, 40]) } : undefined,
    cancelAt:
      story === 'canceled' ? picks.of([0, movesAt]) : story === 'deletedAtEnd' ? 'end' : undefined,
    hasTime,
  };
}
