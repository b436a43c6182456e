import { urgencyOf } from '../ledger/campaigns.ts';
import type { Member } from '../ledger/packing.ts';
import type { Reading } from '../world.ts';
import type { Scene } from './scene.ts';

/** The members of one customer stand side by side in a batch. */
export interface Customer {
  customerId: string;
  promoCodes: string[];
  members: Member[];
}

export function customersOf(members: readonly Member[]): Customer[] {
  const customers: Customer[] = [];
  for (const member of members) {
    const last = customers.at(-1);
    if (last?.customerId === member.customerId) {
      last.promoCodes.push(member.promoCode);
      last.members.push(member);
    } else {
      customers.push({
        customerId: member.customerId,
        promoCodes: [member.promoCode],
        members: [member],
      });
    }
  }
  return customers;
}

/** What a reading call of this batch needs: its place in the queue, and when to give up. */
export function readingOf(scene: Scene): Reading {
  const deadline = urgencyOf(scene.campaign);
  const rank = { ...(scene.urgency ?? { class: 'bulk', deadline }), stage: 1 };
  return { rank, signal: scene.signal };
}

/** The members at these positions, which the batch surely has. */
export function membersAt(scene: Scene, positions: readonly number[]): Member[] {
  return positions.map((position) => {
    const member = scene.batch.members[position - 1];
    if (!member) throw new Error(`Batch ${scene.batch.number} has no member ${position}`);
    return member;
  });
}
