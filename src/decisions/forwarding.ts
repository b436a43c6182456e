import { answerTriggers } from '../ledger/answers.ts';
import { gather } from '../ledger/gathering.ts';
import { type Asked, decisionOf, leftOf } from './asked.ts';
import type { Deciding } from './house.ts';
import { findingOf } from './pool.ts';

const mostAtOnce = 1_000;

/**
 * Has the publisher decide: the trigger's body goes to it as it came, once a trigger, and its yes is
 * written as any other before it is told. It gives the reward itself, so nothing is taken back here.
 */
export function createForwarding(house: Deciding) {
  const allowing = gather<Asked>(1, async (drain) => {
    const asked = drain.take(mostAtOnce).filter((one) => !one.isAnswered);
    for (const one of asked) one.isSettling = true;
    try {
      const findings = asked.map((one) => findingOf(one, true, 'given'));
      const told = await answerTriggers(house.pool, findings);
      for (const [index, one] of asked.entries()) {
        one.isSettling = false;
        const answered = told[index] ?? { allowed: false, reason: undefined };
        one.answer(decisionOf(answered, answered.allowed ? 'given' : 'failed'), 'written');
      }
    } catch (error) {
      house.log.warn({ error: String(error) }, 'what the publisher allowed cannot be written');
      for (const one of asked) one.answer({ allowed: false, cause: 'ledger_away' });
    }
  });

  return async function forward(asked: Asked): Promise<void> {
    const publisher = house.worlds.get(asked.tenant)?.publisher;
    try {
      if (!publisher) throw new Error(`Tenant ${asked.tenant} has no publisher`);
      const isAllowed = await publisher.decide(asked.body, Math.max(1, Math.floor(leftOf(asked))));
      if (isAllowed) allowing.add(asked);
      else asked.answer({ allowed: false, cause: 'refused', reason: 'publisher' });
    } catch (error) {
      const facts = { tenant: asked.tenant, campaign: asked.check.campaignId };
      house.log.warn({ ...facts, error: String(error) }, 'the publisher gave no answer');
      asked.answer({ allowed: false, cause: 'failed', reason: 'publisher' });
    }
  };
}
