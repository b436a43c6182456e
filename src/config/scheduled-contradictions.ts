import { executedOf } from './campaigns.ts';
import type { Contradiction } from './contradictions.ts';
import type { TenantSection } from './tenants.ts';

const recordedAlone =
  'needs scheduled.conditional or scheduled.executed; while both are off, executions are recorded alone';

/** Contradictions about scheduled campaigns: what events 5, 13 and 1 lead to. */
export const scheduledContradictions: readonly Contradiction[] = [
  {
    path: ['scheduled', 'conditional'],
    others: ['publisher'],
    isThere: ({ publisher, scheduled }) => scheduled.conditional === 'publisher' && !publisher,
    message: 'needs publisher: the screened customers are handed over there',
  },
  {
    path: ['scheduled', 'activation'],
    others: [],
    isThere: ({ scheduled }) =>
      scheduled.activation === 'claimed' && scheduled.conditional === 'publisher',
    message: 'contradicts conditional: publisher, which awards the rewards before their claim',
  },
  {
    path: ['scheduled', 'activation'],
    others: [],
    isThere: ({ scheduled }) =>
      scheduled.activation === 'claimed' && scheduled.conditional === 'shadow',
    message:
      'contradicts conditional: shadow, by which nobody is approved and nothing can be claimed',
  },
  {
    path: ['scheduled', 'executed'],
    others: [],
    isThere: ({ scheduled }) =>
      scheduled.executed === 'executions' && scheduled.conditional === 'publisher',
    message:
      'contradicts conditional: publisher, which awards to some of those who are sent; say assignments or off',
  },
  {
    path: ['scheduled', 'executed'],
    others: ['promotions'],
    isThere: ({ promotions, scheduled }) => scheduled.executed === 'assignments' && !promotions,
    message: 'needs promotions: who was awarded what is read there',
  },
  {
    path: ['scheduled', 'executed'],
    others: ['promotions'],
    isThere: ({ promotions, scheduled }) =>
      scheduled.executed === undefined && scheduled.conditional === 'publisher' && !promotions,
    message:
      'needs promotions, where the awards are read after event 13; or say off: then the platform is told nothing',
  },
  {
    path: ['scheduled', 'notSent'],
    others: [],
    isThere: ({ scheduled }) =>
      scheduled.notSent === 'revoke' && scheduled.conditional !== 'managed',
    message:
      'revoke needs conditional: managed: of no other campaign is anything given before it is sent',
  },
  {
    path: ['listeners', '13'],
    others: ['scheduled', 'promotions'],
    isThere: (tenant) => tenant.listeners[13].length > 0 && heedsNoExecution(tenant),
    message: recordedAlone,
  },
  {
    path: ['listeners', '1'],
    others: ['scheduled', 'promotions'],
    isThere: (tenant) => tenant.listeners[1] && heedsNoExecution(tenant),
    message: recordedAlone,
  },
];

/** Whether an execution leads to nothing, in any campaign. */
function heedsNoExecution({ scheduled, promotions }: TenantSection): boolean {
  const executed = executedOf(scheduled, promotions !== undefined);
  return executed === 'off' && scheduled.conditional === 'off';
}
