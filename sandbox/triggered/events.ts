import { NotPlayable } from '../announcement.ts';
import { APPROVED, mark, REWARDED } from '../books.ts';
import { type Campaign, openPosition } from '../campaign.ts';
import { localTime } from '../local-time.ts';
import { hash, idOf, indexOf, isVisitor } from '../population.ts';
import { decide } from '../promotions/validation.ts';
import type { Tenant } from '../tenant.ts';
import { createEventWriter } from './bodies.ts';
import { noteTrouble } from './check-books.ts';
import { triggerOf } from './checks.ts';
import type { EventBooks } from './event-books.ts';
import { type Fire, openFire } from './fire.ts';
import type { EventsOptions } from './options.ts';
import { createSender, type Sender } from './sender.ts';
import { meetTrigger, nextNew, TOLD, type Trigger, tell } from './trigger.ts';

const TIMEOUT_MS = 30_000;
const HEADERS = { 'content-type': 'application/json' };

/**
 * Sends event 11 (API §5.4): the customer met the trigger, once for each that arrives. It goes to
 * the webhook door, any 2xx will do, and nothing is delivered again but what a fault or `times`
 * doubles.
 */
export function fireEvents(tenant: Tenant, campaign: Campaign, options: EventsOptions): Fire {
  const trigger = triggerOf(campaign);
  const url = options.hookUrl ?? trigger.options.hookUrl ?? tenant.options.hookUrl;
  if (url === undefined) throw new NotPlayable('no hookUrl was told');
  const sender = createSender(url, options.connections, TIMEOUT_MS);
  const write = createEventWriter(campaign, trigger.options, options);
  const choose = createChooser(campaign, trigger, options);
  const { counts } = trigger.events;
  const deliver = createDelivery(sender, trigger.events);
  /** Events that a fault keeps back. */
  let delayed = 0;

  function arrive(intendedMs: number): boolean {
    const chosen = choose();
    if (chosen === 'nobody') return false;
    if (chosen === 'later') return true;
    const { index, userId } = chosen;
    const nowMs = Date.now();
    if (index >= 0) enter(tenant, campaign, trigger, index, nowMs);
    const isVisiting = index >= 0 && isVisitor(campaign.population, index);
    const timeStamp = localTime(nowMs, tenant.options.timeZone);
    const count = counts.events - counts.doubles;
    const body = write({ count, index, userId, isVisitor: isVisiting, timeStamp });

    const faults = tenant.faults.strike('hooks', 'event11', nowMs);
    const isDoubled = faults.some(({ fault }) => fault === 'duplicate');
    const times = options.times * (isDoubled ? 2 : 1);
    counts.events += times;
    counts.doubles += times - 1;
    if (faults.some(({ fault }) => fault === 'lost')) {
      counts.lost += times;
      return true;
    }
    const late = faults.find(({ fault }) => fault === 'late');
    const lateMs =
      late === undefined ? 0 : (late.ms * hash(tenant.seed, 77, counts.events)) / 2 ** 32;
    for (let time = 0; time < times; time += 1) {
      if (lateMs === 0) deliver(body, userId, intendedMs);
      else {
        delayed += 1;
        setTimeout(() => {
          delayed -= 1;
          deliver(body, userId, intendedMs + lateMs);
        }, lateMs).unref();
      }
    }
    return true;
  }

  const seed = hash(tenant.seed, campaign.number, counts.events + 1);
  return openFire({ ...options, seed }, [sender], arrive, () => delayed > 0);
}

/** Posts one event; its time runs from the instant it was meant for. */
function createDelivery(sender: Sender, { counts, answers, troubles }: EventBooks) {
  return (body: string, userId: string, intendedMs: number): void =>
    sender.send({
      body,
      headers: HEADERS,
      lapsesAtMs: intendedMs + TIMEOUT_MS,
      heard(status) {
        answers.record(performance.now() - intendedMs);
        if (status >= 200 && status <= 299) counts.heard += 1;
        else {
          counts.refused += 1;
          noteTrouble(troubles, `${userId}: answered ${status}`);
        }
      },
      failed(error) {
        counts.connectionFailures += 1;
        noteTrouble(troubles, `${userId}: ${error.message}`);
      },
      givenUp() {
        counts.unanswered += 1;
        noteTrouble(troubles, `${userId}: no answer`);
      },
    });
}

/** Books that he met the trigger; in the auto flow Promotions has decided by then. */
function enter(
  tenant: Tenant,
  campaign: Campaign,
  trigger: Trigger,
  index: number,
  nowMs: number,
): void {
  const instance = meetTrigger(trigger, index, nowMs - campaign.createdAtMs);
  if (instance < 0) {
    noteTrouble(trigger.events.troubles, 'a trigger was met too often for the books');
    return;
  }
  tell(trigger, index, instance, TOLD);
  mark(campaign.books.customers, index, APPROVED);
  if (trigger.options.awardedBy !== 'optimove') return;
  for (const [slot, code] of campaign.options.codes.entries()) {
    const promotion = tenant.promotions.get(code);
    const position = openPosition(campaign, index, slot, REWARDED);
    const isAwarded = (campaign.books.assignments[position] ?? 0) & REWARDED;
    if (promotion === undefined || isAwarded) continue;
    decide(tenant, campaign, promotion, { index, position }, trigger.options.eventParams);
  }
}

interface Chosen {
  /** -1: a stranger. */
  index: number;
  userId: string;
}

/** Who comes next: the named, the new, or those to whom the gate said yes in time. */
function createChooser(campaign: Campaign, trigger: Trigger, options: EventsOptions) {
  let named = 0;
  return (): Chosen | 'nobody' | 'later' => {
    if (options.customerIds !== undefined) {
      const userId = options.customerIds[named];
      named += 1;
      if (userId === undefined) return 'nobody';
      return { index: indexOf(campaign.population, userId), userId };
    }
    if (options.who === 'new') {
      const index = nextNew(trigger);
      return index === undefined ? 'nobody' : chosen(campaign, index);
    }
    const { sent } = trigger;
    if (sent.taken >= sent.count) return 'later';
    const index = sent.list.get(sent.taken);
    sent.taken += 1;
    return chosen(campaign, index);
  };
}

const chosen = (campaign: Campaign, index: number): Chosen => ({
  index,
  userId: idOf(campaign.population, index),
});
