import { transition } from '../domain/assignment.ts';
import { noCode } from '../domain/words.ts';
import type { Happening, Member } from '../ledger/packing.ts';

/** The members of a pool as it is opened: those of one customer side by side, one for each code. */
export function membersOf(
  customers: readonly { customerId: string; instance: number }[],
  promoCodes: readonly string[],
  actionId: string | undefined,
): Member[] {
  return customers.flatMap(({ customerId, instance }, index) =>
    promoCodes.map((promoCode, place): Member => {
      const position = index * promoCodes.length + place + 1;
      const facts = { clearance: 'none', redemption: 'none', reason: undefined } as const;
      const state = promoCode === noCode ? 'cleared' : 'screened';
      return { ...facts, position, customerId, promoCode, actionId, instance, state, rewards: [] };
    }),
  );
}

/** The members after what happened to them, by the same transitions as the ledger's. */
export function laid(members: readonly Member[], happenings: readonly Happening[]): Member[] {
  const byPosition = new Map(happenings.map((one) => [one.position, one]));
  return members.map((member) => {
    const happening = byPosition.get(member.position);
    return happening ? moved(member, happening) : member;
  });
}

function moved(member: Member, happening: Happening): Member {
  const { rewards = member.rewards, reason = member.reason } = happening;
  const clearance =
    (happening.clearance && transition('clearance', member.clearance, happening.clearance)) ??
    member.clearance;
  if (happening.state === undefined) return { ...member, clearance };
  const state = transition('state', member.state, happening.state);
  return state === undefined ? member : { ...member, state, clearance, rewards, reason };
}
