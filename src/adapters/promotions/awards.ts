import { z } from 'zod';
import { isObject, readId } from '../../wire/atoms.ts';
import { readRewards } from '../../wire/reward.ts';
import type { AwardsPage } from '../../world.ts';
import { malformed, readShape } from '../http/answer.ts';
import type { Answer } from '../http/exchange.ts';

const envelope = z.object({ items: z.array(z.unknown()) });

/** The status of an award that gives nothing; other names of it are not known (API §10.6). */
const rejected = 'REJECTED';

/** Whose award of which promocode it is. */
type Awarded = Pick<AwardsPage['awards'][number], 'customerId' | 'promocodeId'>;

/**
 * One page of Customer Assignment (API §10.6): how many items it had, and the awards of this campaign that
 * give something. Of others than those that are asked for no reward is read.
 */
export function readAwards(
  answer: Answer,
  name: string,
  campaignId: string,
  isAsked: (awarded: Awarded) => boolean = () => true,
): AwardsPage {
  const { items } = readShape(name, envelope, answer);
  const awards: AwardsPage['awards'] = [];
  for (const item of items) {
    if (!isObject(item)) throw malformed(name, 'an item is not an object');
    const customerId = readId(item['customerId']);
    const promocodeId = readId(item['promocodeId']);
    if (customerId === undefined || promocodeId === undefined) {
      throw malformed(name, 'an item has no customerId or no promocodeId');
    }
    const occurrenceId = readId(item['occurrenceId']) ?? campaignId;
    if (occurrenceId !== campaignId || isRejected(item['status'])) continue;
    if (!isAsked({ customerId, promocodeId })) continue;
    const rewards = readRewards(item['rewards']);
    if (!rewards) throw malformed(name, 'a reward is not understood');
    const promotionId = readId(item['promotionId']);
    if (rewards.length > 0) awards.push({ customerId, promocodeId, promotionId, rewards });
  }
  return { length: items.length, awards };
}

function isRejected(status: unknown): boolean {
  return typeof status === 'string' && status.trim().toUpperCase() === rejected;
}
