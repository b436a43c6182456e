import type { FaultRule } from '../../sandbox/faults.ts';
import { createPicks, type Picks } from './picks.ts';
import { type CampaignPlan, type Plan, planOf } from './plan.ts';

/** The flows that are played, one a seed. */
export const playedFlows = ['managed', 'publisher', 'automatic', 'executions'] as const;
export type PlayedFlow = (typeof playedFlows)[number];

/** What a seed's flows ask of the far sides besides. */
const calls = [
  'publish',
  'executions',
  'assignments',
  'details',
  'allocations',
  'lookups',
] as const;

/** What a seed decides where campaigns go beyond their sending; the flow is the seed's own where none is named. */
export function flowPlanOf(seed: number, wished?: PlayedFlow): Plan {
  const plan = planOf(seed);
  // Another row of choices, so that the first stays what it is without flows.
  const picks = createPicks(seed + 1_000_003);
  const flow = wished ?? picks.of(playedFlows);
  const isConditional = flow === 'managed' || flow === 'publisher';
  const { section = {}, ...tenancy } = plan.tenancy;
  const scheduled = { ...settingsOf(section['scheduled']), ...scheduledOf(flow, picks) };
  const channels = [504, 505, 506].slice(0, picks.between(1, 3));
  return {
    ...plan,
    tenancy: {
      ...tenancy,
      section: {
        ...section,
        scheduled,
        // Nobody awards anything where Promotions has no part.
        ...(flow === 'executions' && picks.chance(0.5) && { promotions: null }),
      },
      hasPublisher: flow === 'publisher',
    },
    campaigns: plan.campaigns.map((campaign) => ({
      ...campaign,
      ...(isConditional ? {} : { reschedule: undefined }),
      flow,
      hasTime: false,
      options: {
        ...campaign.options,
        ...{ flow, channels },
        deadlineInSeconds: picks.between(6, 16),
        executionDelayMinutes: 0,
        executionRows: picks.of(['customer', 'code']),
        channelShare: picks.of([1, 1, 0.8]),
        notSentShare: picks.of([0, 0.1]),
      },
      executedLaterMs: picks.between(0, 3_000),
      event: flow === 'executions' && picks.chance(0.2) ? 1 : 13,
    })),
    incidents: [
      ...plan.incidents,
      { atMs: picks.between(300, 14_000), kind: 'storm', rules: rulesOf(picks) },
    ],
  };
}

function settingsOf(section: unknown): Record<string, unknown> {
  return typeof section === 'object' && section !== null ? { ...section } : {};
}

function scheduledOf(flow: PlayedFlow, picks: Picks): Record<string, unknown> {
  const executionDelayMinutes = 0;
  switch (flow) {
    case 'managed':
      return { executionDelayMinutes, notSent: picks.of(['list', 'revoke']) };
    case 'publisher':
      return { executionDelayMinutes, conditional: 'publisher' };
    case 'automatic':
      return { executionDelayMinutes, conditional: 'off', executed: 'assignments' };
    case 'executions':
      return { executionDelayMinutes, conditional: 'off', executed: 'executions' };
  }
}

function rulesOf(picks: Picks): FaultRule[] {
  return Array.from({ length: picks.between(1, 3) }, () => ({
    kind: picks.of(calls),
    fault: picks.of(['429', '500', '503', 'slow', 'half', 'reset', 'reset']),
    probability: picks.of([0.3, 0.6, 1]),
    ms: picks.between(300, 3_000),
    forSeconds: picks.between(2, 8),
  }));
}

/** Whether its event 5 is sent: else it begins with its sending. */
export function isAnnounced({ flow }: CampaignPlan): boolean {
  return flow !== 'automatic' && flow !== 'executions';
}
