import { z } from 'zod';
import { mark, SCREENED, SCREENED_OUT } from '../books.ts';
import { type Answer, answer, type Call, readBody } from '../call.ts';
import { indexOf, isDenied } from '../population.ts';
import { campaignOf } from '../tenant.ts';
import { limitItems } from './allocations.ts';
import { verifySignature } from './signature.ts';

const screeningsBody = z.object({
  campaignId: z.union([z.string(), z.int()]),
  customerIds: z.array(z.string()),
});

/** POST /screenings: whom the tenant's own rules keep from this campaign. */
export function screen(call: Call): Answer {
  verifySignature(call);
  const { campaignId, customerIds } = readBody(call, screeningsBody);
  limitItems(call, customerIds.length);
  const campaign = campaignOf(call.tenant, campaignId, call.kind);
  const denied: { customerId: string; reason: string }[] = [];
  if (campaign === undefined) return answer(200, { denied });
  for (const customerId of customerIds) {
    const index = indexOf(campaign.population, customerId);
    if (index < 0) continue;
    const isOut = isDenied(campaign.population, index);
    mark(campaign.books.customers, index, isOut ? SCREENED | SCREENED_OUT : SCREENED);
    if (isOut) denied.push({ customerId, reason: 'self_excluded' });
  }
  return answer(200, { denied });
}
