import { type CampaignDetails, expiryOf } from '../domain/campaign.ts';
import type { Said } from '../domain/check.ts';
import { verdict } from '../domain/clearance.ts';
import { assignmentKey } from '../domain/effect.ts';
import { noCode } from '../domain/words.ts';
import { record } from '../ledger/batches.ts';
import { fixExpiry } from '../ledger/campaigns.ts';
import { knownCode } from '../ledger/codes.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { isMarkedSuppressed } from '../ledger/suppression-marks.ts';
import { learnedSize } from '../ledger/tenants.ts';
import type {
  AllocationCampaign,
  AllocationOutcome,
  Call,
  LookUpOutcome,
  Promocode,
} from '../world.ts';
import { effectKey, type Order } from './effect.ts';
import { customersOf, readingOf } from './members.ts';
import { addToTotal, holdOverTotal } from './reward-total.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';

/** Has the platform give the rewards. The same key again gives nothing new (platform contract). */
export async function allocate(scene: Scene): Promise<Delivered> {
  const { recipe } = scene.plan;
  const isRewarded = recipe.includes('validate') || recipe.includes('award');
  const from = isRewarded ? 'validated' : 'screened';
  const members = scene.batch.members.filter(
    (member) => member.state === from && member.promoCode !== noCode,
  );
  const denied = deniedMembers(scene);
  await record(
    scene.pool,
    scene.batch,
    members.filter(({ position }) => denied.has(position)).map(forgone),
  );
  const given = members.filter(({ position }) => !denied.has(position));
  if (given.length === 0) return undefined;
  const expiresAt =
    scene.batch.expiresAt ??
    (await fixExpiry(scene.pool, scene.campaign.ref, expiryOfCampaign(scene)));
  const promocodes = await promocodesOf(scene, given);
  const learned = await learnedSize(scene.pool, scene.campaign.tenant, 'platform');
  await addToTotal(scene, given);
  const stopped = await deliver(scene, {
    farSide: 'platform',
    items: given,
    maxPerCall: Math.min(scene.world.platform.maxItemsPerCall, learned ?? Infinity),
    build: (piece) => allocationOrder(scene, piece, { expiresAt }, promocodes),
    refuse: (member, fault) => ({
      position: member.position,
      state: 'declined',
      reason: `platform_refused: ${fault.message}`,
    }),
  });
  if (stopped === 'held') await holdOverTotal(scene);
  return stopped;
}

/**
 * Members of customers who cannot be approved any more, because another of their codes was refused, or
 * who were suppressed: what they were given now would only be taken back.
 */
function deniedMembers(scene: Scene): Set<number> {
  const denied = customersOf(scene.batch.members).filter(({ members }) => {
    const states = members.map((member) => member.state);
    return members.some(isMarkedSuppressed) || verdict(states, scene.plan.codes) === 'deny';
  });
  return new Set(denied.flatMap(({ members }) => members.map((member) => member.position)));
}

function forgone(member: Member): Happening {
  const reason = isMarkedSuppressed(member) ? 'suppressed' : 'another_code_was_refused';
  return { position: member.position, state: 'lapsed', reason };
}

export function expiryOfCampaign(scene: Pick<Scene, 'campaign' | 'plan'>): number {
  const { campaign, plan } = scene;
  return expiryOf({
    deadline: campaign.instants?.deadline ?? 0,
    executionDelayMs: plan.executionDelayMs,
    leadTimeDays: campaign.details?.leadTimeDays ?? 0,
    durationDays: plan.durationDays,
  });
}

/** The promocodes of these members' codes, as far as Promotions knows them. */
export async function promocodesOf(
  scene: Scene,
  members: Member[],
): Promise<Map<string, Promocode>> {
  const codes = new Set(members.map((member) => member.promoCode));
  const found = new Map<string, Promocode>();
  for (const code of codes) {
    const promocode = await knownCode(scene.pool, scene.campaign.tenant, code);
    if (promocode && promocode !== 'none') found.set(code, promocode);
  }
  return found;
}

export function keyOf(scene: Scene, member: Member): string {
  return assignmentKey({
    campaignId: scene.campaign.campaignId,
    customerId: member.customerId,
    promoCode: member.promoCode,
    instance: member.instance,
  });
}

export function allocationOrder(
  scene: Scene,
  members: Member[],
  kept: { expiresAt: number },
  promocodes: Map<string, Promocode>,
): Order<Map<string, AllocationOutcome>> {
  const positions = members.map((member) => member.position);
  const key = effectKey(scene, 'allocate', positions);
  return {
    kind: 'allocate',
    key,
    positions,
    kept,
    call: allocationCall(scene, members, { ...kept, key }, promocodes),
    read: (answer) => members.map((member) => allocated(member, outcomeOf(scene, member, answer))),
  };
}

/** The call that has the platform give what these members hold, or are to hold. */
export function allocationCall(
  scene: Scene,
  members: Member[],
  { key, expiresAt }: { key: string; expiresAt: number },
  promocodes: Map<string, Promocode>,
): Call<Map<string, AllocationOutcome>> {
  const { campaign, batch } = scene;
  const { said } = batch;
  return scene.world.platform.allocate({
    key: `${campaign.campaignId}/${key}`,
    campaign: {
      id: campaign.campaignId,
      kind: campaign.kind,
      durationDays: scene.plan.durationDays,
      ...describe({ ...campaign.details, ...said }),
    },
    allocations: members.map((member) => ({
      key: keyOf(scene, member),
      customerId: member.customerId,
      promoCode: member.promoCode,
      rewards: member.rewards,
      ...(batch.startsAt !== undefined && { startsAt: batch.startsAt }),
      expiresAt,
      actionId: said?.actionId ?? member.actionId,
      ...(said?.templateId !== undefined && { templateId: said.templateId }),
      ...scene.met?.get(member.customerId),
      promocodeId: promocodes.get(member.promoCode)?.promocodeId,
      promotionId: promocodes.get(member.promoCode)?.promotionId,
    })),
  });
}

/** What an answer says of one member. */
export function outcomeOf(
  scene: Scene,
  member: Member,
  answer: ReadonlyMap<string, AllocationOutcome>,
): AllocationOutcome {
  const outcome = answer.get(keyOf(scene, member));
  if (!outcome) throw new Error('The adapter let an answer pass that leaves a key out');
  return outcome;
}

/** By what its checks said, or else by its details. */
function describe(
  told: CampaignDetails & Said,
): Pick<AllocationCampaign, 'seriesId' | 'notes' | 'tags' | 'brandId' | 'channelIds'> {
  const { seriesId, notes, tags, brandId, channelIds } = told;
  return {
    ...(seriesId !== undefined && { seriesId }),
    ...(notes && { notes }),
    ...(tags && { tags }),
    ...(brandId !== undefined && { brandId }),
    ...(channelIds && { channelIds }),
  };
}

export function allocated(member: Member, outcome: AllocationOutcome): Happening {
  const { position } = member;
  if (outcome.status === 'declined') return { position, state: 'declined', reason: outcome.reason };
  const given = outcome.rewards ?? member.rewards;
  const { code } = outcome;
  return {
    position,
    state: 'allocated',
    ...(outcome.reference !== undefined && { reference: outcome.reference }),
    ...((outcome.rewards || code !== undefined) && {
      rewards: code === undefined ? given : given.map((reward) => ({ ...reward, code })),
    }),
  };
}

/** What became of an allocation whose answer was lost: the platform knows by key. */
export async function recoverAllocation(scene: Scene, members: Member[]): Promise<Happening[]> {
  const answer = await scene.world.platform.lookUp(
    members.map((member) => keyOf(scene, member)),
    readingOf(scene),
  );
  return members.flatMap((member) => lookedUp(member, answer.get(keyOf(scene, member))) ?? []);
}

function lookedUp(member: Member, found: LookUpOutcome | undefined): Happening | undefined {
  const { position } = member;
  switch (found?.status) {
    case 'allocated':
      return {
        position,
        state: 'allocated',
        ...(found.reference !== undefined && { reference: found.reference }),
      };
    case 'declined':
      return { position, state: 'declined', reason: 'declined' };
    case 'revoked':
      return { position, state: 'revoked', reason: 'revoked_at_platform' };
    default:
      return undefined;
  }
}
