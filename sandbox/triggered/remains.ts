import { type Campaign, heldOf } from '../campaign.ts';
import { idOf } from '../population.ts';
import { answersOf, type Trigger } from './trigger.ts';

/** So long after a no the customer may still hold what was on its way to him. */
const TAKE_BACK_MS = 120_000;

/** What was taken back for a reason that must not touch a customer to whom the gate said yes. */
const LATENESS = new Set(['late', 'deadline', 'not_sent']);

/** More held of a code than the instances that were not denied account for. */
function isLeft(campaign: Campaign, trigger: Trigger, index: number): boolean {
  const { begun, denied } = answersOf(trigger, index);
  if (denied === 0) return false;
  return campaign.options.codes.some((_, slot) => heldOf(campaign, index, slot) > begun - denied);
}

/** Judges a revocation just done: not too late after a no, and never of what a yes rests on. */
export function judgeTakeBack(
  campaign: Campaign,
  position: number,
  reason: string,
  atMs: number,
): void {
  const { trigger, population } = campaign;
  if (trigger === undefined) return;
  const index = position % population.total;
  const slot = Math.floor(position / population.total) % campaign.options.codes.length;
  const { begun, allowed, denied } = answersOf(trigger, index);
  const held = heldOf(campaign, index, slot);
  const userId = idOf(population, index);
  if (LATENESS.has(reason) && held < allowed) {
    campaign.violations.add('taken back though allowed', campaign.id, userId, reason);
  }
  const sinceMs = atMs - campaign.createdAtMs - (trigger.deniedAtMs[index] ?? 0);
  // The one just taken back counts as held until now.
  if (denied > 0 && held + 1 > begun - denied && sinceMs > TAKE_BACK_MS) {
    const detail = `taken back ${Math.round(sinceMs / 1000)} s after the no`;
    campaign.violations.add('left allocated', campaign.id, userId, detail);
  }
}

/** One walk over all who met the trigger: whose no left something with them. */
export function findRemains(campaign: Campaign, trigger: Trigger, nowMs: number) {
  let within = 0;
  const left: string[] = [];
  for (let index = 0; index < trigger.total; index += 1) {
    if ((trigger.begun[index] ?? 0) === 0 || !isLeft(campaign, trigger, index)) continue;
    const sinceMs = nowMs - campaign.createdAtMs - (trigger.deniedAtMs[index] ?? 0);
    if (sinceMs <= TAKE_BACK_MS) within += 1;
    else left.push(idOf(campaign.population, index));
  }
  return { within, left };
}
