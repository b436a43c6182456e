import { z } from 'zod';
import type { Reward } from '../../domain/words.ts';
import { isObject, readId } from '../../wire/atoms.ts';
import { readRewards } from '../../wire/reward.ts';
import type { AssignmentsRequest } from '../../world.ts';
import { malformed, readShape } from '../http/answer.ts';
import type { Answer } from '../http/exchange.ts';

const envelope = z.object({ items: z.array(z.unknown()) });

/** The status of an award that gives nothing; other names of it are not known (API §10.6). */
const rejected = 'REJECTED';

/** One page of Customer Assignment (API §10.6): how many items it had, and the awards asked for. */
export function readAwards(
  answer: Answer,
  name: string,
  request: AssignmentsRequest,
): { length: number; awards: Map<string, Reward[]> } {
  const { items } = readShape(name, envelope, answer);
  const asked = new Set(request.customerIds);
  const awards = new Map<string, Reward[]>();
  for (const item of items) {
    if (!isObject(item)) throw malformed(name, 'an item is not an object');
    const customerId = readId(item['customerId']);
    const promocodeId = readId(item['promocodeId']);
    if (customerId === undefined || promocodeId === undefined) {
      throw malformed(name, 'an item has no customerId or no promocodeId');
    }
    const occurrenceId = readId(item['occurrenceId']) ?? request.campaignId;
    const isAsked = promocodeId === request.promocodeId && occurrenceId === request.campaignId;
    if (!isAsked || !asked.has(customerId) || isRejected(item['status'])) continue;
    const rewards = readRewards(item['rewards']);
    if (!rewards) throw malformed(name, 'a reward is not understood');
    if (rewards.length > 0) awards.set(customerId, rewards);
  }
  return { length: items.length, awards };
}

function isRejected(status: unknown): boolean {
  return typeof status === 'string' && status.trim().toUpperCase() === rejected;
}
