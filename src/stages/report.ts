import { cut } from '../domain/batching.ts';
import { type Verdict, verdict } from '../domain/clearance.ts';
import type { EffectKind } from '../domain/effect.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { multirange, positionsOf } from '../ledger/positions.ts';
import { isMarkedSuppressed } from '../ledger/suppression-marks.ts';
import { effectKey, type Order, perform } from './effect.ts';
import { type Customer, customersOf, membersAt } from './members.ts';
import type { Scene } from './scene.ts';
import type { Delivered } from './split.ts';

/** UpdateCustomerPromotionStatus takes at most this many customers a call (API §7). */
const maxPerCall = 10_000;

interface Judged extends Customer {
  verdict: Verdict;
}

/**
 * Tells Optimove who may be sent, as soon as a batch has been decided. Who is denied goes in the same
 * call as who is approved, never in an extra one: a customer who was never reported counts as false.
 */
export async function report(scene: Scene): Promise<Delivered> {
  const undecided = scene.batch.members.filter((member) => member.clearance === 'none');
  const judged = customersOf(undecided).flatMap((customer): Judged[] => {
    // What is claimed later is approved by the screen alone.
    const states = customer.members.map(({ state }) =>
      scene.plan.claims && state === 'screened' ? 'cleared' : state,
    );
    const decided = customer.members.some(isMarkedSuppressed)
      ? 'deny'
      : verdict(states, scene.plan.codes);
    return decided === 'pending' ? [] : [{ ...customer, verdict: decided }];
  });
  const approved = judged.filter((customer) => customer.verdict === 'approve');
  const denied = judged.filter((customer) => customer.verdict === 'deny');
  for (const piece of cut(approved, maxPerCall)) {
    const room = maxPerCall - piece.length;
    // In the batch's order, in which a repeat is rebuilt: the same body to the letter.
    const told = [...piece, ...denied.splice(0, room)].sort(byPlace);
    const stopped = await tell(scene, 'approve', told);
    if (stopped) return stopped;
  }
  return undefined;
}

/**
 * Tells Optimove false of whoever was told true, or may have been, and is meant: suppressed meanwhile,
 * or in a campaign that is canceled. Begins nothing after the last report.
 */
export async function withdraw(
  scene: Scene,
  isMeant: (member: Member) => boolean,
): Promise<Delivered> {
  const told = customersOf(scene.batch.members).filter((customer) =>
    customer.members.some(
      (member) =>
        isMeant(member) && (member.clearance === 'approved' || member.clearance === 'unknown'),
    ),
  );
  for (const piece of cut(told, maxPerCall)) {
    const denied = piece.map((customer): Judged => ({ ...customer, verdict: 'deny' }));
    const stopped = await tell(scene, 'deny', denied);
    if (stopped) return stopped;
  }
  return undefined;
}

function byPlace(a: Customer, b: Customer): number {
  return (a.members[0]?.position ?? 0) - (b.members[0]?.position ?? 0);
}

async function tell(scene: Scene, kind: EffectKind, told: Judged[]): Promise<Delivered> {
  const members = told.flatMap((customer) => customer.members);
  const approved = told
    .filter((customer) => customer.verdict === 'approve')
    .flatMap((customer) => customer.members.map((member) => member.position));
  const kept = { at: Date.now(), approved: multirange(approved) };
  const performed = await perform(scene, reportOrder(scene, kind, members, kept));
  switch (performed.ended) {
    case 'done':
      return undefined;
    case 'stopped':
      return performed.why;
    case 'stale':
      return 'stale';
    default:
      throw performed.fault;
  }
}

/** The same members with the same values and the same TimeStamp are the same report. */
export function reportOrder(
  scene: Scene,
  kind: EffectKind,
  members: Member[],
  kept: { at: number; approved: string },
): Order<void> {
  const approved = new Set(positionsOf(kept.approved));
  const positions = members.map((member) => member.position);
  const happenings = members.map(
    (member): Happening => ({
      position: member.position,
      clearance: approved.has(member.position) ? 'told_true' : 'told_false',
    }),
  );
  return {
    kind,
    key: effectKey(scene, 'report', positions, kept.approved),
    positions,
    kept,
    call: scene.world.optimove.reportStatus({
      campaignId: scene.campaign.campaignId,
      at: kept.at,
      customers: customersOf(members).map((customer) => ({
        customerId: customer.customerId,
        approved: customer.members.every((member) => approved.has(member.position)),
      })),
    }),
    read: () => happenings,
    lost: members
      .filter((member) => approved.has(member.position))
      .map((member) => ({ position: member.position, clearance: 'asked' })),
  };
}

/** Repeats a report whose answer was lost, to the letter; one of falses alone is admitted as such. */
export function repeatReport(
  scene: Scene,
  positions: number[],
  kept: Record<string, unknown>,
): Order<void> {
  const approved = String(kept['approved']);
  const kind = positionsOf(approved).length > 0 ? 'repeat' : 'deny';
  return reportOrder(scene, kind, membersAt(scene, positions), {
    at: Number(kept['at']),
    approved,
  });
}
