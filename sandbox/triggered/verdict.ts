import * as book from '../books.ts';
import { type Campaign, heldOf, instancesOf, positionOf } from '../campaign.ts';
import { isVisitor } from '../population.ts';
import { type CheckMeasures, readChecks } from './check-books.ts';
import { type ClaimMeasures, openClaimBooks, readClaims } from './claim-books.ts';
import { type EventMeasures, readEvents } from './event-books.ts';
import { findRemains } from './remains.ts';
import { ALLOWED, answersOf, DENIED, SENT, TOLD, type Trigger, toldOf } from './trigger.ts';

/** What the verdict adds for a triggered campaign. */
export interface TriggerVerdict {
  checks: CheckMeasures;
  events: EventMeasures;
  /** Instances: of how many customers who met the trigger, allowed, denied, told by event 11. */
  instances: number;
  instancesAllowed: number;
  instancesDenied: number;
  instancesTold: number;
  /** Customers with a no that neither screening nor Promotions nor the platform gave: the gate's. */
  deniedByGate: number;
  /** Customers with a no who still hold something, not two minutes after it. */
  deniedStillHeld: number;
  /** Customers of event 11 who hold nothing, though nobody refused them. */
  toldNotHeld: number;
}

/** Walks over everybody who met the trigger; what is left of a no for too long is a violation. */
export function judgeTrigger(campaign: Campaign, trigger: Trigger, nowMs: number) {
  const counts = {
    instances: 0,
    instancesAllowed: 0,
    instancesDenied: 0,
    instancesTold: 0,
    deniedByGate: 0,
    toldNotHeld: 0,
  };
  for (let index = 0; index < trigger.total; index += 1) {
    if ((trigger.begun[index] ?? 0) === 0) continue;
    const { begun, allowed, denied, told } = answersOf(trigger, index);
    counts.instances += begun;
    counts.instancesAllowed += allowed;
    counts.instancesDenied += denied;
    counts.instancesTold += told;
    if (denied === 0 && told === 0) continue;
    if (wasRefused(campaign, trigger, index)) continue;
    if (denied > 0) counts.deniedByGate += 1;
    if (told > 0 && isEmptyHanded(campaign, index)) counts.toldNotHeld += 1;
  }
  const { within, left } = findRemains(campaign, trigger, nowMs);
  const verdict: TriggerVerdict = {
    checks: readChecks(trigger.checks),
    events: readEvents(trigger.events),
    ...counts,
    deniedStillHeld: within,
  };
  const violations = left.map(
    (userId) => `left allocated · campaign ${campaign.id} · customer ${userId}: still held`,
  );
  return { verdict, violations };
}

/** Did screening, Promotions or the platform refuse him, or the rule for visitors? */
function wasRefused(campaign: Campaign, trigger: Trigger, index: number): boolean {
  const { books, options, population } = campaign;
  if (isVisitor(population, index) && !trigger.options.visitorsAllowed) return true;
  if (book.has(books.customers, index, book.SCREENED_OUT)) return true;
  return options.codes.some((_, slot) => {
    for (let instance = 0; instance < instancesOf(campaign, index); instance += 1) {
      const facts = books.assignments[positionOf(campaign, index, slot, instance)] ?? 0;
      if (facts & book.DECLINED) return true;
      if (facts & book.ASKED && !(facts & book.REWARDED)) return true;
    }
    return false;
  });
}

function isEmptyHanded(campaign: Campaign, index: number): boolean {
  return campaign.options.codes.some((_, slot) => heldOf(campaign, index, slot) === 0);
}

/** What the shop was answered; zeros where it never claimed. */
export function readClaimBooks(campaign: Campaign): ClaimMeasures {
  let customersGranted = 0;
  let customersConfirmed = 0;
  for (const facts of campaign.claims === undefined ? [] : campaign.books.customers) {
    if (facts & book.GRANTED) customersGranted += 1;
    if (facts & book.CONFIRMED) customersConfirmed += 1;
  }
  const customers = { customersGranted, customersConfirmed };
  return readClaims(campaign.claims ?? openClaimBooks(), customers);
}

/** What the gate said of each of a customer's instances, and when the last began. */
export function readInstances(campaign: Campaign, trigger: Trigger, index: number) {
  const begun = trigger.begun[index] ?? 0;
  const atMs = (sinceMs: number) => new Date(campaign.createdAtMs + sinceMs).toISOString();
  return {
    isVisitor: isVisitor(campaign.population, index),
    lastBegunAt: begun === 0 ? undefined : atMs(trigger.begunAtMs[index] ?? 0),
    answers: Array.from({ length: begun }, (_, instance) => {
      const facts = toldOf(trigger, index, instance);
      return {
        allowed: (facts & ALLOWED) !== 0,
        denied: (facts & DENIED) !== 0,
        sent: (facts & SENT) !== 0,
        toldByEvent: (facts & TOLD) !== 0,
      };
    }),
  };
}
