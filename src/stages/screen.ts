import { cut } from '../domain/batching.ts';
import { Fault } from '../domain/fault.ts';
import { noCode } from '../domain/words.ts';
import { record } from '../ledger/batches.ts';
import { givenBefore } from '../ledger/guards.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { suppressed } from '../ledger/suppressions.ts';
import { learnedSize, learnSize } from '../ledger/tenants.ts';
import type { Screening } from '../world.ts';
import { type Customer, customersOf, readingOf } from './members.ts';
import type { Scene, Stop } from './scene.ts';

/**
 * Our own and the tenant's rules, before anything is spent: the suppression list, the customers a
 * careful tenant limits itself to, who was given the same code lately, and the platform's screening
 * where it has one. Nothing is changed outside, so asking twice is harmless.
 */
export async function screen(scene: Scene): Promise<Stop | undefined> {
  const targeted = scene.batch.members.filter((member) => member.state === 'targeted');
  if (targeted.length === 0) return undefined;
  const repeated = await findRepeated(scene, targeted);
  const denied = await findDenied(scene, targeted, repeated);
  await record(
    scene.pool,
    scene.batch,
    targeted.map((member): Happening => {
      const reason = denied.get(member.customerId) ?? repeated.get(member);
      if (reason !== undefined) return { position: member.position, state: 'screened_out', reason };
      // Without a promo code there is nothing to give: passing the screen is all it takes.
      const state = member.promoCode === noCode ? 'cleared' : 'passed';
      return { position: member.position, state };
    }),
  );
  return undefined;
}

/** Members whose customer was given the same code by another campaign within the tenant's days. */
async function findRepeated(scene: Scene, targeted: Member[]): Promise<Map<Member, string>> {
  const { pool, campaign, plan } = scene;
  const days = plan.limits.sameCodeDays;
  if (days === undefined) return new Map();
  const asked = targeted.filter((member) => member.promoCode !== noCode);
  const of = { tenant: campaign.tenant, campaign: campaign.ref, days };
  const found = await givenBefore(pool, of, asked);
  const customers = Map.groupBy(found, (one) => one.promoCode);
  const given = new Map(
    [...customers].map(([code, ones]) => [code, new Set(ones.map((one) => one.customerId))]),
  );
  return new Map(
    asked
      .filter((member) => given.get(member.promoCode)?.has(member.customerId))
      .map((member) => [member, `same_code_within_${days}_days`]),
  );
}

async function findDenied(
  scene: Scene,
  targeted: Member[],
  repeated: ReadonlyMap<Member, string>,
): Promise<Map<string, string>> {
  const { pool, campaign, plan, world } = scene;
  const customers = customersOf(targeted);
  const ids = customers.map((customer) => customer.customerId);
  const denied = new Map<string, string>();
  const only = new Set(plan.limits.onlyCustomers);
  if (only.size > 0) {
    for (const id of ids) if (!only.has(id)) denied.set(id, 'not_in_only_customers');
  }
  // Where all codes must be held, a customer who may not have one of them is not approved at all.
  if (plan.codes === 'all') {
    for (const [member, reason] of repeated) denied.set(member.customerId, reason);
  }
  for (const [id, reason] of await suppressed(pool, campaign.tenant, ids)) denied.set(id, reason);
  if (!world.platform.screening) return denied;
  const open = customers.filter((customer) => !denied.has(customer.customerId));
  const learned = await learnedSize(pool, campaign.tenant, 'platform');
  let pieces = cut(open, Math.min(world.platform.maxItemsPerCall, learned ?? Infinity));
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
    const answer = await askPlatform(scene, piece);
    if (answer === 'too_large') {
      const size = Math.floor(piece.length / 2);
      await learnSize(pool, campaign.tenant, 'platform', size);
      pieces = [piece, ...pieces].flatMap((one) => cut(one, size));
      continue;
    }
    for (const [id, reason] of answer) denied.set(id, reason);
  }
  return denied;
}

/** A call of one customer alone cannot be made smaller: its 413 is thrown. */
async function askPlatform(
  scene: Scene,
  customers: Customer[],
): Promise<Map<string, string> | 'too_large'> {
  const { campaignId } = scene.campaign;
  try {
    return await scene.world.platform.screen(
      { campaignId, customers: customers.map(asked) },
      readingOf(scene),
    );
  } catch (error) {
    const isTooLarge = error instanceof Fault && error.kind === 'too_large';
    if (isTooLarge && customers.length > 1) return 'too_large';
    throw error;
  }
}

/** What the platform is asked of a customer: nothing of ours, and no code where there is none. */
function asked(customer: Customer): Screening['customers'][number] {
  const promoCodes = customer.promoCodes.filter((code) => code !== noCode);
  return { customerId: customer.customerId, promoCodes };
}
