import { isFinal } from '../../src/domain/assignment.ts';
import { expiryOf } from '../../src/domain/campaign.ts';
import { verdict } from '../../src/domain/clearance.ts';
import { admits, type EffectKind, type Standing } from '../../src/domain/effect.ts';
import type { Stage } from '../../src/domain/flow.ts';
import type { RevocationReason } from '../../src/domain/words.ts';
import type { Stop } from '../../src/stages/scene.ts';
import { arrive, type Books } from './fake-books.ts';
import {
  customersOf,
  type FakeBatch,
  type FakeCampaign,
  type FakeEffect,
  type FakeMember,
  fateOf,
  move,
  redemption,
  tell,
} from './fake-state.ts';

/** Whoever plays the time of a fake; epoch milliseconds. */
export interface Clock {
  now(): Promise<number>;
  /** Resolves when so much time has passed; may be at once where a call takes no time. */
  pass(ms: number): Promise<void>;
}

/**
 * What becomes of a call: its answer is heard; or lost, with the process or without it; or it never
 * left.
 */
export type CallFate = 'answered' | 'lost' | 'killed' | 'not_sent';

export interface Outside {
  clock: Clock;
  books: Books;
  fate(effect: FakeEffect): CallFate;
  /** How long a call takes to arrive, and its answer to come back. */
  wireMs(): number;
}

export interface Walk extends Outside {
  campaign: FakeCampaign;
  batch: FakeBatch;
  token: number;
}

/** The permit and the call's own timeout. */
const aliveMs = 30_250;

/** Claims a batch and walks it, after it was found out what became of its open effects. */
export async function claimAndWalk(
  outside: Outside,
  campaign: FakeCampaign,
  batch: FakeBatch,
  kinds: readonly EffectKind[],
  walk: (claimed: Walk) => Promise<Stop | undefined>,
): Promise<{ stopped?: Stop }> {
  batch.token += 1;
  const claimed = { ...outside, campaign, batch, token: batch.token };
  const stopped = (await recover(claimed, kinds)) ?? (await walk(claimed));
  return stopped ? { stopped } : {};
}

export const stages: Record<
  Stage,
  { kinds: EffectKind[]; walk: (walk: Walk) => Promise<Stop | undefined> }
> = {
  screen: { kinds: [], walk: screen },
  validate: {
    kinds: ['validate'],
    walk: (walk) =>
      perform(walk, {
        kind: 'validate',
        members: walk.batch.members.filter(({ facts }) => facts.state === 'screened'),
      }),
  },
  publish: {
    kinds: ['publish'],
    walk: (walk) =>
      perform(walk, {
        kind: 'publish',
        members: walk.batch.members.filter(({ facts }) => facts.state === 'screened'),
      }),
  },
  award: { kinds: [], walk: award },
  allocate: { kinds: ['allocate'], walk: allocate },
  upload: { kinds: [], walk: async () => undefined },
  report: { kinds: ['approve'], walk: report },
  redeem: { kinds: [], walk: queueRedemptions },
};

async function screen({ batch }: Walk): Promise<undefined> {
  for (const member of batch.members) {
    if (fateOf(member) === 'screened_out') move(member, 'screened_out', 'suppressed');
    else move(member, 'passed');
  }
}

/** Promotions has decided already: it only reads. */
async function award({ batch }: Walk): Promise<undefined> {
  for (const member of batch.members) {
    const { state } = member.facts;
    if (state !== 'screened' && state !== 'published') continue;
    if (fateOf(member) === 'refused') move(member, 'refused', 'not_awarded');
    else member.rewarded = move(member, 'rewarded') || member.rewarded;
  }
}

function allocate(walk: Walk): Promise<Stop | undefined> {
  const { campaign, batch } = walk;
  campaign.expiresAt ??=
    batch.endsAt ??
    expiryOf({
      deadline: campaign.instants?.deadline ?? 0,
      executionDelayMs: 1_800_000,
      leadTimeDays: 0,
      durationDays: campaign.audience.durationDays,
    });
  const { stages: recipe, executed } = campaign.audience;
  const walked = batch.fulfilment === undefined ? recipe : executed;
  const isRewarded = walked.includes('validate') || walked.includes('award');
  const from = isRewarded ? 'validated' : 'screened';
  const members = batch.members.filter(({ facts }) => facts.state === from);
  return perform(walk, { kind: 'allocate', members });
}

function report(walk: Walk): Promise<Stop | undefined> {
  const approved = new Set<FakeMember>();
  const told: FakeMember[] = [];
  const untold = walk.batch.members.filter(({ facts }) => facts.clearance === 'none');
  for (const members of customersOf(untold)) {
    const judged = verdict(
      members.map(({ facts }) => facts.state),
      walk.campaign.audience.codes,
    );
    if (judged === 'pending') continue;
    told.push(...members);
    if (judged === 'approve') for (const member of members) approved.add(member);
  }
  if (approved.size === 0) return Promise.resolve(undefined);
  return perform(walk, { kind: 'approve', members: told, approved });
}

/** Tells false of whoever was told true, or may have been. */
export function withdraw(walk: Walk): Promise<Stop | undefined> {
  const told = customersOf(walk.batch.members).filter((members) => members.some(isTold));
  return perform(walk, { kind: 'deny', members: told.flat() });
}

export function isTold({ facts }: FakeMember): boolean {
  return facts.clearance === 'approved' || facts.clearance === 'unknown';
}

async function queueRedemptions({ batch }: Walk): Promise<undefined> {
  for (const member of batch.members) {
    const { state, clearance } = member.facts;
    if (state !== 'allocated') continue;
    if (clearance === 'approved' || clearance === 'delegated') redemption(member, 'queued');
  }
  batch.redemptionsDue ||= batch.members.some(({ facts }) => facts.redemption === 'queued');
}

export async function redeem(walk: Walk): Promise<Stop | undefined> {
  const queued = walk.batch.members.filter(({ facts }) => facts.redemption === 'queued');
  const stopped = await perform(walk, { kind: 'redeem', members: queued });
  if (!stopped) walk.batch.redemptionsDue = false;
  return stopped;
}

/** What a reason takes back: what is held, and what may be held without our knowing. */
export async function revoke(walk: Walk, reason: RevocationReason): Promise<Stop | undefined> {
  const { campaign, batch } = walk;
  const open = campaign.effects.filter(
    (effect) => effect.open && effect.batch === batch.number && effect.kind === 'allocate',
  );
  const doubtful = new Set(open.flatMap((effect) => effect.members));
  const selected = batch.members.filter(
    (member) =>
      isSelected(campaign, member, reason) || (doubtful.has(member) && isUndecided(member)),
  );
  for (const member of selected) if (reason !== 'expired') redemption(member, 'dropped');
  const stopped = await perform(walk, { kind: 'revoke', members: selected, reason });
  if (!stopped) for (const effect of open) effect.open = false;
  return stopped;
}

export function isSelected(
  campaign: FakeCampaign,
  member: FakeMember,
  reason: RevocationReason,
): boolean {
  const { state, clearance } = member.facts;
  if (state !== 'allocated') return false;
  if (reason === 'not_sent') return isNotSent(campaign, member);
  if (reason !== 'deadline') return true;
  // A report that is still open may have been heard: its customer may be told of the reward.
  const mayBeTold = campaign.effects.some((effect) => effect.open && effect.approved.has(member));
  return (clearance === 'none' || clearance === 'denied') && !mayBeTold;
}

/** Approved without having been sent, or of an approval that was never heard. */
function isNotSent(campaign: FakeCampaign, member: FakeMember): boolean {
  const { clearance } = member.facts;
  const { sent } = campaign.batches.find(({ members }) => members.includes(member)) ?? {};
  if (clearance === 'denied') return true;
  const isRevoked = campaign.audience.notSent === 'revoke' && clearance === 'approved';
  return isRevoked && sent?.has(member.customer) !== true;
}

function isUndecided({ facts }: FakeMember): boolean {
  return !isFinal(facts.state) || facts.state === 'lapsed';
}

interface Order {
  kind: EffectKind;
  members: FakeMember[];
  approved?: ReadonlySet<FakeMember>;
  reason?: RevocationReason | undefined;
  /** The effect whose answer was lost, of which this is the repeat. */
  again?: FakeEffect;
}

/** begin ▸ send ▸ settle, with the ledger's own question before it. */
async function perform(walk: Walk, order: Order): Promise<Stop | undefined> {
  const { campaign, batch, clock, books } = walk;
  if (order.members.length === 0) return undefined;
  const begunAt = await clock.now();
  if (batch.token !== walk.token) return 'superseded';
  const why = refusal(campaign, order.kind, begunAt, batch.endsAt);
  if (why) return why;
  const effect = beginEffect(campaign, batch, order, begunAt);
  const { instants } = campaign;
  const fate = walk.fate(effect);
  await clock.pass(walk.wireMs());
  if (fate !== 'not_sent') {
    const now = await clock.now();
    const at = { now, instants, again: order.again !== undefined };
    arrive(books, campaign, { ...effect, kind: order.kind }, at, (member) =>
      fateOf(member) === 'declined' ? 'declined' : 'allocated',
    );
  }
  await clock.pass(walk.wireMs());
  switch (fate) {
    case 'answered':
      settle(effect, books);
      return undefined;
    case 'killed':
      throw new Error('the process died with the call on the wire');
    case 'lost':
      effect.aliveUntil = Math.min(effect.aliveUntil, await clock.now());
      for (const member of effect.approved) tell(member, 'asked');
      throw new Error('the answer was lost');
    case 'not_sent':
      // A first call that never left is forgotten; a repeat of one that may have is not.
      effect.open = order.again !== undefined;
      throw new Error('the far side was not reached');
  }
}

function beginEffect(
  campaign: FakeCampaign,
  batch: FakeBatch,
  order: Order,
  begunAt: number,
): FakeEffect {
  const { kind, members, approved = new Set(), reason, again } = order;
  const effect: FakeEffect = again ?? {
    ...{ kind, batch: batch.number, members, begunAt, approved, reason },
    aliveUntil: 0,
    open: true,
  };
  effect.aliveUntil = begunAt + aliveMs;
  if (!again) campaign.effects.push(effect);
  return effect;
}

/** Which of the ledger's answers keeps an effect from beginning. */
export function refusal(
  campaign: FakeCampaign,
  kind: EffectKind,
  now: number,
  endsAt?: number,
): Exclude<Stop, 'superseded'> | undefined {
  const { instants, fence, halted, held } = campaign;
  const known = instants ?? { stop: 0, lastReport: 0 };
  const limits = endsAt === undefined ? known : { ...known, stop: endsAt };
  const asked: [Standing, Exclude<Stop, 'superseded'>, boolean][] = [
    [fence ?? 'deleted', 'fenced', fence !== undefined],
    ['halted', 'halted', halted],
    ['held', 'held', held !== undefined],
    ['open', 'late', true],
  ];
  return asked.find(
    ([standing, , applies]) => applies && !admits(kind, [standing], now, limits),
  )?.[1];
}

/** The answer, as the far side's books have it, becomes the members' facts. */
function settle(effect: FakeEffect, books: Books): void {
  effect.open = false;
  for (const member of effect.members) {
    switch (effect.kind) {
      case 'validate':
        if (fateOf(member) === 'refused') move(member, 'refused', 'not_eligible');
        else member.rewarded = move(member, 'rewarded') || member.rewarded;
        break;
      case 'allocate':
        settleAllocation(member, books);
        break;
      case 'revoke':
        move(member, effect.reason === 'expired' ? 'expired' : 'revoked', effect.reason);
        break;
      case 'publish':
        move(member, 'published');
        tell(member, 'delegated');
        break;
      case 'redeem':
      case 'redeem_used':
        redemption(member, 'told');
        break;
      default:
        tell(member, effect.approved.has(member) ? 'told_true' : 'told_false');
    }
  }
}

function settleAllocation(member: FakeMember, books: Books): void {
  const status = books.platform.get(member.key);
  if (status === 'allocated') move(member, 'allocated');
  if (status === 'declined') move(member, 'declined', 'declined');
  if (status === 'revoked') move(member, 'revoked', 'revoked_at_platform');
}

/** Finds out, once they can no longer be on the wire, what became of the calls that went unanswered. */
async function recover(walk: Walk, kinds: readonly EffectKind[]): Promise<Stop | undefined> {
  const { campaign, batch, clock, books } = walk;
  const open = campaign.effects.filter(
    (effect) => effect.open && effect.batch === batch.number && kinds.includes(effect.kind),
  );
  for (const effect of open) {
    await clock.pass(effect.aliveUntil - (await clock.now()));
    if (effect.kind === 'validate') {
      effect.open = false;
      const found = effect.members.filter((member) => books.validated.has(member.key));
      settle({ ...effect, members: found }, books);
    } else if (effect.kind === 'allocate') {
      effect.open = false;
      for (const member of effect.members) settleAllocation(member, books);
    } else {
      const stopped = await repeat(walk, effect);
      if (stopped) return stopped;
    }
  }
  return undefined;
}

/** The same key is the same effect: it stays open until its repeat is answered. */
function repeat(walk: Walk, effect: FakeEffect): Promise<Stop | undefined> {
  const kind = effect.kind === 'approve' ? 'repeat' : effect.kind;
  return perform(walk, { ...effect, kind, again: effect });
}
