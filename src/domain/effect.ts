/**
 * What the ledger's `begin` asks before an outside call that changes something may leave.
 *
 * `approve` is a report that tells a true for the first time, `repeat` a report whose answer was lost,
 * `deny` a report of falses alone; `confirm` tells, at any time, who of the approved has claimed. From a fence
 * on, redemptions are told of what was used alone: `redeem_used`. `restore` gives again what was approved and is
 * not held, whenever that is found out.
 */
export const effectKinds = [
  'validate',
  'allocate',
  'upload',
  'publish',
  'approve',
  'repeat',
  'deny',
  'redeem',
  'redeem_used',
  'revoke',
  'confirm',
  'restore',
] as const;
export type EffectKind = (typeof effectKinds)[number];

/**
 * What the ledger said when an effect began is good for this long, milliseconds: whoever sets a fence or
 * a hold, and waits as long, knows that nothing leaves any more.
 */
export const permitMs = 250;

/** Effects that give or approve: none of them may be on the wire when something is taken back. */
export const forwardKinds: readonly EffectKind[] = [
  'validate',
  'allocate',
  'upload',
  'publish',
  'approve',
  'deny',
  'restore',
];

/** How a campaign stands; several may apply at once, and then each must admit. */
export const standings = ['open', 'held', 'halted', 'operator', 'deleted'] as const;
export type Standing = (typeof standings)[number];

/** Until when an effect is admitted. */
export const admissionLimits = ['never', 'stop', 'last_report', 'ever'] as const;
export type AdmissionLimit = (typeof admissionLimits)[number];

const givingRow = {
  open: 'stop',
  held: 'never',
  halted: 'never',
  operator: 'never',
  deleted: 'never',
} as const;

/**
 * The table behind {@link admits}; a migration writes the same for the ledger's `begin`.
 *
 * A fence *deleted* (event 4) admits revocations, and redemptions of what was used; *operator* also tells false
 * before the last report. A halt stops whatever would need the far sides' trust; taking back is never stopped.
 */
export const admission: Record<EffectKind, Record<Standing, AdmissionLimit>> = {
  validate: givingRow,
  allocate: givingRow,
  upload: givingRow,
  publish: givingRow,
  approve: givingRow,
  repeat: {
    open: 'last_report',
    held: 'ever',
    halted: 'never',
    operator: 'never',
    deleted: 'never',
  },
  deny: { open: 'last_report', held: 'ever', halted: 'never', operator: 'ever', deleted: 'never' },
  redeem: { open: 'ever', held: 'ever', halted: 'never', operator: 'never', deleted: 'never' },
  redeem_used: {
    open: 'ever',
    held: 'ever',
    halted: 'never',
    operator: 'ever',
    deleted: 'ever',
  },
  revoke: { open: 'ever', held: 'ever', halted: 'ever', operator: 'ever', deleted: 'ever' },
  confirm: { open: 'ever', held: 'ever', halted: 'never', operator: 'never', deleted: 'never' },
  restore: { open: 'ever', held: 'never', halted: 'never', operator: 'never', deleted: 'never' },
};

/** Whether an effect may begin at `now`, for a campaign to which all of `standing` apply. */
export function admits(
  kind: EffectKind,
  standing: readonly Standing[],
  now: number,
  instants: { stop: number; lastReport: number },
): boolean {
  const limits = { never: -Infinity, stop: instants.stop, last_report: instants.lastReport };
  return standing.every((one) => {
    const limit = admission[kind][one];
    return limit === 'ever' || now < limits[limit];
  });
}

/** The next step of an effect whose answer was lost, once it can no longer be on the wire. */
export type NextStep = 'repeat' | 'look_up' | 'read_assignments' | 'lapse';

/**
 * Validation may consume budget and has no key, so it is asked again only for those whom Customer
 * Assignment does not know; what gives is looked up first; all else is safe under its own key.
 */
export function nextStep(kind: EffectKind, recovery: 'assignments' | 'lapse'): NextStep {
  if (kind === 'validate') return recovery === 'lapse' ? 'lapse' : 'read_assignments';
  if (kind === 'allocate' || kind === 'restore') return 'look_up';
  return 'repeat';
}

/**
 * The platform's key of an assignment: the same for ever, so that the same key again gives nothing
 * new. Slashes and percent signs inside the parts are escaped, so that two assignments never share one.
 */
export function assignmentKey(assignment: {
  campaignId: string;
  customerId: string;
  promoCode: string;
  instance: number;
}): string {
  const { campaignId, customerId, promoCode, instance } = assignment;
  return `${escapePart(campaignId)}/${escapePart(customerId)}/${escapePart(promoCode)}/${instance}`;
}

function escapePart(part: string): string {
  return /[%/]/.test(part) ? part.replaceAll('%', '%25').replaceAll('/', '%2F') : part;
}
