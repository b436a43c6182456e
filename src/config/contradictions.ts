import { scheduledContradictions } from './scheduled-contradictions.ts';
import type { TenantSection } from './tenants.ts';

/** Settings that are right each by itself and cannot stand together. */
export interface Contradiction {
  /** The key that is named. */
  path: [keyof TenantSection, ...string[]];
  /** The other sections it is compared with. */
  others: (keyof TenantSection)[];
  isThere(tenant: TenantSection): boolean;
  message: string;
}

const needsKeys = 'needs apiKeys: the platform shows one of them when it claims';
const sharedLimit = 'contradicts sharesOptimoveLimit: true; say false there, or leave this out';

export const contradictions: readonly Contradiction[] = [
  {
    path: ['promotions', 'rateLimit'],
    others: ['optimove'],
    isThere: ({ promotions, optimove }) => hasOtherLimit(promotions, optimove),
    message: sharedLimit,
  },
  {
    path: ['publisher', 'rateLimit'],
    others: ['optimove'],
    isThere: ({ publisher, optimove }) => hasOtherLimit(publisher, optimove),
    message: sharedLimit,
  },
  {
    path: ['publisher'],
    others: ['scheduled', 'triggered'],
    isThere: ({ publisher, scheduled, triggered }) =>
      publisher !== undefined &&
      scheduled.conditional !== 'publisher' &&
      triggered?.gate !== 'publisher',
    message:
      'is used by nothing: say scheduled.conditional: publisher or triggered.gate: publisher, or leave it out',
  },
  ...scheduledContradictions,
  {
    path: ['limits', 'maxRewardTotal'],
    others: ['promotions'],
    isThere: ({ promotions, limits }) => !promotions && limits.maxRewardTotal !== undefined,
    message: 'needs promotions: without it nobody knows what is about to be given',
  },
  {
    path: ['scheduled', 'activation'],
    others: ['apiKeys'],
    isThere: ({ scheduled, apiKeys }) => scheduled.activation === 'claimed' && apiKeys.length === 0,
    message: needsKeys,
  },
  {
    path: ['triggered', 'activation'],
    others: ['apiKeys'],
    isThere: ({ triggered, apiKeys }) =>
      triggered?.activation === 'claimed' && apiKeys.length === 0,
    message: needsKeys,
  },
  {
    path: ['triggered', 'activation'],
    others: [],
    isThere: ({ triggered }) =>
      triggered?.activation === 'claimed' && triggered.gate === 'publisher',
    message: 'contradicts gate: publisher, which gives the reward with its answer',
  },
  {
    path: ['triggered', 'executed'],
    others: [],
    isThere: ({ triggered }) =>
      triggered?.activation === 'claimed' && triggered.executed === 'assignments',
    message: 'contradicts activation: claimed; what was awarded would be given before its claim',
  },
  {
    path: ['triggered', 'gate'],
    others: ['publisher'],
    isThere: ({ publisher, triggered }) => triggered?.gate === 'publisher' && !publisher,
    message: 'needs publisher: the trigger is forwarded there',
  },
  {
    path: ['triggered', 'executed'],
    others: ['promotions'],
    isThere: ({ promotions, triggered }) => triggered?.executed === 'assignments' && !promotions,
    message: 'needs promotions: who was awarded what is read there',
  },
  {
    path: ['listeners', '11'],
    others: ['triggered'],
    isThere: ({ listeners, triggered }) =>
      listeners[11].length > 0 && (triggered?.executed ?? 'off') === 'off',
    message: 'needs triggered.executed: payload or assignments; else event 11 is recorded alone',
  },
];

type Limited = { rateLimit?: Allowance | undefined };
type Allowance = { requests: number; perMs: number };

/** Whether a far side that shares Optimove's allowance was given another one. */
function hasOtherLimit(
  far: (Limited & { sharesOptimoveLimit: boolean }) | undefined,
  optimove: { rateLimit: Allowance },
): boolean {
  const own = far?.rateLimit;
  const shared = optimove.rateLimit;
  const isOther = own && (own.requests !== shared.requests || own.perMs !== shared.perMs);
  return far?.sharesOptimoveLimit === true && isOther === true;
}
