import { NotPlayable } from '../announcement.ts';
import type { Campaign } from '../campaign.ts';
import { falls, hash, idOf, indexOf, isVisitor } from '../population.ts';
import type { Tenant } from '../tenant.ts';
import { createEchoes } from './arrivals.ts';
import { createQuestions } from './bodies.ts';
import { noteTrouble } from './check-books.ts';
import { type Fire, openFire } from './fire.ts';
import { type Asked, judgeAnswer, readAnswer } from './gate-answer.ts';
import type { ChecksOptions } from './options.ts';
import { createSender } from './sender.ts';
import { meetTrigger, nextNew, type Trigger } from './trigger.ts';

/** So long after the deadline an answer is still listened for, to be booked as late. */
const LISTEN_MS = 3000;
const REPEAT = 602;
const LATER = 603;

const HEADERS = { 'content-type': 'application/json', accept: 'application/json' };

/**
 * Asks the gate as Optimove does when customers meet the trigger (API §9.2), at a rate that does
 * not heed the answers. The deadline decides who is sent the campaign; no answer is waited for that
 * long with a timer: it is judged when it comes, or when the connection gives up.
 */
export function fireChecks(tenant: Tenant, campaign: Campaign, options: ChecksOptions): Fire {
  const trigger = triggerOf(campaign);
  const urls = options.gateUrls ?? trigger.options.gateUrls ?? tenant.gateUrls;
  if (urls.length === 0) throw new NotPlayable('no gate was told, and none is registered');
  const timeoutMs = trigger.options.deadlineMs + LISTEN_MS;
  const senders = urls.map((url) => createSender(url, options.connections, timeoutMs));
  const write = createQuestions(campaign.id, trigger.options, options);
  const choose = createChooser(campaign, trigger, options);
  const { counts, sending } = trigger.checks;

  function arrive(intendedMs: number): boolean {
    const chosen = choose(performance.now());
    if (chosen === 'nobody') return false;
    if (chosen === 'later') return true;
    const { index, userId, isRepeat } = chosen;
    const isVisiting = index >= 0 && isVisitor(campaign.population, index);
    const atMs = Date.now() - campaign.createdAtMs;
    const instance = index < 0 ? -1 : meetTrigger(trigger, index, atMs);
    if (index >= 0 && instance < 0) {
      noteTrouble(trigger.checks.troubles, `${userId} met the trigger too often for the books`);
      return true;
    }
    counts.checks += 1;
    if (isRepeat) counts.repeats += 1;
    if (isVisiting) counts.visitors += 1;
    const asked: Asked = { index, instance, userId, intendedMs, askedAtMs: Date.now() };
    senders[counts.checks % senders.length]?.send({
      body: write(counts.checks, userId, isVisiting),
      headers: HEADERS,
      lapsesAtMs: intendedMs + trigger.options.deadlineMs,
      heard(status, text, sentAtMs) {
        sending.record(sentAtMs - intendedMs);
        judgeAnswer(tenant, campaign, trigger, asked, readAnswer(status, text), sentAtMs);
      },
      failed(error) {
        counts.connectionFailures += 1;
        noteTrouble(trigger.checks.troubles, `${userId}: ${error.message}`);
      },
      givenUp() {
        counts.unanswered += 1;
        trigger.checks.answers.record(performance.now() - intendedMs);
        noteTrouble(trigger.checks.troubles, `${userId}: no answer`);
      },
    });
    return true;
  }

  const seed = hash(tenant.seed, campaign.number, counts.checks);
  return openFire({ ...options, seed }, senders, arrive);
}

/** What makes this campaign a triggered one; refuses the others in words. */
export function triggerOf(campaign: Campaign): Trigger {
  if (campaign.trigger !== undefined) return campaign.trigger;
  throw new NotPlayable(`campaign ${campaign.id} is not a triggered one`);
}

interface Chosen {
  /** -1: a stranger. */
  index: number;
  userId: string;
  isRepeat: boolean;
}

/** Who meets the trigger next: a repeat that is due, or somebody new. */
function createChooser(campaign: Campaign, trigger: Trigger, options: ChecksOptions) {
  const { population } = campaign;
  const { repeatShare, repeatAfterMs, laterShare, customerIds } = options;
  const windowMs = trigger.options.repeatWindowSeconds * 1000;
  const laterAfterMs = options.laterAfterMs ?? windowMs * 1.5;
  if (repeatShare > 0 && repeatAfterMs >= windowMs) {
    throw new NotPlayable('repeatAfterMs must be shorter than the window');
  }
  if (laterShare > 0 && laterAfterMs <= windowMs) {
    throw new NotPlayable('laterAfterMs must be longer than the window');
  }
  const repeats = createEchoes<number>(repeatAfterMs);
  const laters = createEchoes<number>(laterAfterMs);
  let named = 0;

  return (nowMs: number): Chosen | 'nobody' | 'later' => {
    if (customerIds !== undefined) {
      const userId = customerIds[named];
      if (userId === undefined) return 'nobody';
      named += 1;
      const index = indexOf(population, userId);
      const isRepeat = index >= 0 && (trigger.begun[index] ?? 0) > 0;
      return { index, userId, isRepeat };
    }
    const again = repeats.take(nowMs) ?? laters.take(nowMs);
    if (again !== undefined) {
      return { index: again, userId: idOf(population, again), isRepeat: true };
    }
    const index = nextNew(trigger);
    // When everybody has been asked, only repeats are left to come.
    if (index === undefined) return 'later';
    if (falls(population, REPEAT, index, repeatShare)) repeats.add(nowMs, index);
    if (falls(population, LATER, index, laterShare)) laters.add(nowMs, index);
    return { index, userId: idOf(population, index), isRepeat: false };
  };
}
