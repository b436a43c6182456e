import { type Column, createColumn } from '../column.ts';
import { type CheckBooks, openCheckBooks } from './check-books.ts';
import { type EventBooks, openEventBooks } from './event-books.ts';
import type { TriggeredOptions } from './options.ts';

/** What is known of one instance: what the gate said of it. */
export const ALLOWED = 1;
export const DENIED = 2;
/** Optimove sent the campaign: allowed, and in time. */
export const SENT = 4;
/** Event 11 told of it. */
export const TOLD = 8;

/** More instances of one customer are not played; where all triggers are one, another follows a no only. */
const MOST_INSTANCES = { each: 16, once: 4 };

/** What makes a campaign a triggered one: who met its trigger when, and what was said of them. */
export interface Trigger {
  options: TriggeredOptions;
  total: number;
  /** How many instances a customer can have, and the most that one has. */
  most: number;
  highest: number;
  /** Customers who met the trigger at all. */
  customers: number;
  /** By customer: instances begun; ms since the campaign was made when the last one began, and
   * when the gate last said no. */
  begun: Uint8Array;
  begunAtMs: Uint32Array;
  deniedAtMs: Uint32Array;
  /** By instance and customer. */
  told: Uint8Array;
  /** Who was sent the campaign, in that order, and how many of them event 11 has taken. */
  sent: { list: Column; count: number; taken: number };
  /** The next customer who never met the trigger. */
  next: number;
  checks: CheckBooks;
  events: EventBooks;
}

export function openTrigger(options: TriggeredOptions): Trigger {
  const total = options.customers;
  const most = MOST_INSTANCES[options.repeats];
  return {
    options,
    total,
    most,
    highest: 1,
    customers: 0,
    begun: new Uint8Array(total),
    begunAtMs: new Uint32Array(total),
    deniedAtMs: new Uint32Array(total),
    told: new Uint8Array(total * most),
    sent: { list: createColumn(32), count: 0, taken: 0 },
    next: 0,
    checks: openCheckBooks(),
    events: openEventBooks(),
  };
}

/**
 * The customer meets the trigger at this instant (ms since the campaign was made): within the
 * window that is the instance of before. Returns its number, or -1 when the books have no room.
 */
export function meetTrigger(trigger: Trigger, index: number, atMs: number): number {
  const { begun, begunAtMs, options, most } = trigger;
  const before = begun[index] ?? 0;
  const elapsedMs = atMs - (begunAtMs[index] ?? 0);
  const isLater = elapsedMs >= options.repeatWindowSeconds * 1000;
  const isOver = isLater && (options.repeats === 'each' || isUndecided(trigger, index, before - 1));
  if (before > 0 && !isOver) return before - 1;
  if (before >= most) return -1;
  if (before === 0) trigger.customers += 1;
  begun[index] = before + 1;
  begunAtMs[index] = atMs;
  trigger.highest = Math.max(trigger.highest, before + 1);
  return before;
}

/** A no may have told nothing of the customer, as of a gate that was late: another answer may follow it. */
function isUndecided(trigger: Trigger, index: number, instance: number): boolean {
  const facts = toldOf(trigger, index, instance);
  return (facts & DENIED) !== 0 && (facts & ALLOWED) === 0;
}

export function toldOf(trigger: Trigger, index: number, instance: number): number {
  return trigger.told[instance * trigger.total + index] ?? 0;
}

export function tell(trigger: Trigger, index: number, instance: number, facts: number): void {
  const at = instance * trigger.total + index;
  trigger.told[at] = (trigger.told[at] ?? 0) | facts;
}

/** The customer's instances that were allowed, and those that were denied and never allowed. */
export function answersOf(trigger: Trigger, index: number) {
  const answers = { begun: trigger.begun[index] ?? 0, allowed: 0, denied: 0, told: 0 };
  for (let instance = 0; instance < answers.begun; instance += 1) {
    const facts = toldOf(trigger, index, instance);
    if (facts & ALLOWED) answers.allowed += 1;
    else if (facts & DENIED) answers.denied += 1;
    if (facts & TOLD) answers.told += 1;
  }
  return answers;
}

/** The next customer who never met the trigger; undefined when everybody has. */
export function nextNew(trigger: Trigger): number | undefined {
  while (trigger.next < trigger.total && (trigger.begun[trigger.next] ?? 0) > 0) trigger.next += 1;
  return trigger.next < trigger.total ? trigger.next : undefined;
}
