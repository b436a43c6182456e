import { setTimeout as delay } from 'node:timers/promises';
import type { Plan } from '../domain/campaign.ts';
import { noCode } from '../domain/words.ts';
import { type Answered, answerTriggers, type Known, takeIn } from '../ledger/answers.ts';
import { gather } from '../ledger/gathering.ts';
import { answersOf, markTold } from '../ledger/told.ts';
import { openTriggered, type TriggeredCampaign } from '../ledger/triggered.ts';
import { type Asked, type Decision, decisionOf, leftOf, reasonOf, triggerOf } from './asked.ts';
import { repeatsOf } from './denials.ts';
import type { Deciding } from './house.ts';

const mostAtOnce = 1_000;
/** Campaigns remembered; the one that came first is forgotten first. */
const mostCampaigns = 1_000;
/** How often the ledger is asked for answers that another gateway is about to give. */
const lookEveryMs = 30;
/**
 * At most so often a statement takes checks in, and those of one statement go in one pool: the more the
 * machine has to do, the more of them share what a pool costs.
 */
const gapOf = (tookMs: number): number => Math.max(10, 6 * tookMs);

/**
 * Takes checks in: all that came while the last statement ran go in one. A repeat hears the answer that
 * is there, or waits for it; a new trigger goes on with `join`.
 */
export function createIntake(
  house: Deciding,
  planOf: (asked: Asked) => Plan,
  join: (asked: Asked) => void,
) {
  const campaigns = new Map<string, TriggeredCampaign>();
  const looking = new Map<string, Promise<TriggeredCampaign>>();

  const arriving = gather<Asked>(
    2,
    async (drain) => {
      const asked = drain.take(mostAtOnce).filter((one) => !one.isAnswered);
      if (asked.length === 0) return;
      try {
        const known = await takeIn(
          house.pool,
          asked.map((one) => ({
            campaign: one.campaign?.row.ref ?? 0,
            customerId: one.check.userId,
            leftMs: leftOf(one),
            ...repeatsOf(one),
          })),
        );
        for (const [index, one] of asked.entries()) place(one, known[index]);
      } catch (error) {
        lose(asked, error);
      }
    },
    gapOf,
  );

  function place(one: Asked, found: Known | undefined): void {
    if (!found) {
      // Somebody else wrote the same instance at that moment: another look finds it.
      arriving.add(one);
      return;
    }
    one.instance = found.instance;
    one.isElsewhere = !found.isFresh;
    const { answer: allowed, reason } = found;
    if (allowed !== undefined) {
      const decision = decisionOf({ allowed, reason }, 'repeat');
      one.answer(found.isFresh ? decision : { ...decision, cause: 'repeat' }, 'written');
    } else if (one.isElsewhere) awaited.add(one);
    else if (!one.isAnswered) join(one);
  }

  const awaited = gather<Asked>(1, async (drain) => {
    await delay(lookEveryMs);
    const asked = drain.take(mostAtOnce).filter((one) => !one.isAnswered);
    if (asked.length === 0) return;
    try {
      const answers = await answersOf(house.pool, asked.map(triggerOf));
      for (const [index, one] of asked.entries()) {
        const answer = answers[index];
        if (answer) one.answer(repeatOf(answer), 'written');
        else awaited.add(one);
      }
    } catch (error) {
      lose(asked, error);
    }
  });

  /** Those whose time is over are false, unless they are answered by now. */
  const overdue = gather<Asked>(1, async (drain) => {
    const asked = drain.take(mostAtOnce).filter((one) => !one.isAnswered);
    if (asked.length === 0) return;
    try {
      const findings = asked.map((one) => ({
        ...triggerOf(one),
        allowed: false,
        reason: reasonOf(late),
      }));
      const answers = await answerTriggers(house.pool, findings);
      for (const [index, one] of asked.entries()) {
        const answer = answers[index];
        if (answer && !answer.allowed) one.answer(repeatOf(answer), 'written');
      }
      // A true that its gateway may not have told: it is told here, and stands from then on.
      const untold = asked.filter((one) => !one.isAnswered);
      if (untold.length === 0) return;
      const told = await markTold(house.pool, untold.map(triggerOf));
      for (const [index, one] of untold.entries()) {
        const answer = told[index];
        if (answer) one.answer(repeatOf(answer), 'written');
      }
    } catch (error) {
      lose(asked, error);
    }
  });

  function lose(asked: readonly Asked[], error: unknown): void {
    house.log.warn(
      { checks: asked.length, error: String(error) },
      'the ledger is away from checks',
    );
    for (const one of asked) one.answer({ allowed: false, cause: 'ledger_away' });
  }

  /** All that come while a campaign is looked up share the look. */
  async function campaignOf(asked: Asked): Promise<TriggeredCampaign> {
    const { tenant, check } = asked;
    const name = JSON.stringify([tenant, check.campaignId]);
    const codes = check.promoCodes.length > 0 ? check.promoCodes : [noCode];
    const known = campaigns.get(name);
    if (known && codes.every((code) => known.codes.has(code))) return known;
    const looked = JSON.stringify([name, codes]);
    const found = looking.get(looked) ?? look(asked, name, codes);
    looking.set(looked, found);
    return found.finally(() => looking.delete(looked));
  }

  async function look(asked: Asked, name: string, codes: string[]): Promise<TriggeredCampaign> {
    const id = { tenant: asked.tenant, campaignId: asked.check.campaignId };
    const found = await openTriggered(house.pool, id, planOf(asked), codes);
    // One that is not triggered may have been fenced only: it is looked at anew each time.
    if (found.row.kind === 'triggered') campaigns.set(name, found);
    for (const oldest of campaigns.keys()) {
      if (campaigns.size <= mostCampaigns) break;
      campaigns.delete(oldest);
    }
    return found;
  }

  return {
    async enter(asked: Asked): Promise<void> {
      try {
        const campaign = await campaignOf(asked);
        asked.campaign = campaign;
        // Nothing of any other is in the ledger, nor will be: the next hears the same without it.
        const cause = campaign.row.fence ? 'fenced' : 'not_triggered';
        if (campaign.row.kind === 'triggered') arriving.add(asked);
        else asked.answer({ allowed: false, cause }, 'written');
      } catch (error) {
        lose([asked], error);
      }
    },

    /** The time of a check that another gateway answers is over. */
    giveUp: (asked: Asked): void => overdue.add(asked),
    waiting: (): number => arriving.waiting() + awaited.waiting(),
  };
}

const late = { allowed: false, cause: 'late' } as const;

function repeatOf(answered: Answered): Decision {
  return { ...decisionOf(answered, 'repeat'), cause: 'repeat' };
}
