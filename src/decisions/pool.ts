import { isFinal, type State } from '../domain/assignment.ts';
import { verdict } from '../domain/clearance.ts';
import type { Finding } from '../ledger/answers.ts';
import type { Member } from '../ledger/packing.ts';
import type { Begun, Order } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import type { AllocationOutcome, Promocode } from '../world.ts';
import { type Asked, type Cause, reasonOf } from './asked.ts';
import type { Pace } from './budget.ts';

/** Checks that are brought to their answers together; the batch of the scene is theirs. */
export interface Pool {
  scene: Scene;
  /** In the order of the batch, each with as many members as there are codes. */
  asked: readonly Asked[];
  codes: number;
  /** As far as this process knows them; the ledger may know more. */
  members: Member[];
  promocodes: Map<string, Promocode>;
  allocating: Pace;
  /** The allocation, where it has been begun with the settling of the validation. */
  next: { order: Order<Map<string, AllocationOutcome>>; begun: Begun } | undefined;
  /** Every answer is written, and nothing is held that was answered false. */
  isFinished: boolean;
  /** It goes by the stages, which begin the allocation themselves. */
  isWalking: boolean;
}

/** The members of one of the pool's customers. */
export function ownOf({ members, codes }: Pool, index: number): Member[] {
  return members.slice(index * codes, (index + 1) * codes);
}

/** What is known of one of those who wait. */
export interface Found {
  index: number;
  finding: Finding;
}

/** What is known by now of those who wait for their answer. */
export function findingsOf(pool: Pool): Found[] {
  return pool.asked.flatMap((one, index): Found[] => {
    if (one.isAnswered) return [];
    const own = ownOf(pool, index);
    const states = own.map(({ state }) => state);
    const judged = verdict(states, pool.scene.plan.codes);
    if (judged === 'pending') return [];
    const allowed = judged === 'approve';
    const reason = allowed ? 'given' : refusalOf(own);
    return [{ index, finding: findingOf(one, allowed, reason) }];
  });
}

export function findingOf(asked: Asked, allowed: boolean, reason: string): Finding {
  return {
    campaign: asked.campaign?.row.ref ?? 0,
    customerId: asked.check.userId,
    instance: asked.instance ?? 0,
    allowed,
    reason,
  };
}

/** The first of a customer's members that stands against an approval says why. */
function refusalOf(members: readonly Member[]): string {
  const against = members.find(({ state }) => isFinal(state) && state !== 'allocated');
  const cause = against ? causeOf(against.state) : 'failed';
  return reasonOf({
    allowed: false,
    cause,
    ...(against?.reason !== undefined && { reason: against.reason }),
  });
}

/** A member that neither Promotions nor the platform refused tells nothing of its customer. */
export function causeOf(state: State): Cause {
  return state === 'refused' || state === 'declined' ? state : 'failed';
}
