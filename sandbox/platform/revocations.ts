import { z } from 'zod';
import { REVOKED as BOOK_REVOKED, clear, HELD, has, mark } from '../books.ts';
import { type Answer, answer, type Call, readBody } from '../call.ts';
import { type Campaign, placeAt } from '../campaign.ts';
import { indexOf } from '../population.ts';
import { spend } from '../promotions/promotion.ts';
import { campaignOf, type Tenant } from '../tenant.ts';
import { judgeTakeBack } from '../triggered/remains.ts';
import { inAnyOrder, limitItems } from './allocations.ts';
import { checkIdempotency } from './idempotency.ts';
import { ALLOCATED, BARRED, DECLINED, REVOKED, UNKNOWN } from './keys.ts';
import { verifySignature } from './signature.ts';
import { judgeExpiry } from './terms.ts';

const revocationsBody = z.object({
  campaignId: z.union([z.string(), z.int()]),
  reason: z.enum(['canceled', 'deadline', 'expired', 'late', 'not_sent', 'operator', 'suppressed']),
  revocations: z.array(z.object({ key: z.string().min(1), customerId: z.string() })),
});

const lookupsBody = z.object({ keys: z.array(z.string()) });

/** POST /revocations: takes back, also what it never heard of, which it bars by that. */
export function revoke(call: Call): Answer {
  verifySignature(call);
  const { campaignId, reason, revocations } = readBody(call, revocationsBody);
  limitItems(call, revocations.length);
  checkIdempotency(call, String(campaignId));
  campaignOf(call.tenant, campaignId, call.kind);
  const results = revocations.map(({ key, customerId }) => {
    judgeKey(call.tenant, key, String(campaignId), customerId);
    return { key, status: revokeOne(call, key, reason) };
  });
  return answer(200, { results: inAnyOrder(call, results) });
}

/** A key is always the same assignment, also when it is taken back. */
function judgeKey(tenant: Tenant, key: string, campaignId: string, customerId: string): void {
  const entry = tenant.keys.find(key);
  const campaign = entry < 0 ? undefined : tenant.numbered[tenant.keys.campaign(entry)];
  if (campaign === undefined) return;
  const index = tenant.keys.position(entry) % campaign.population.total;
  if (campaign.id === campaignId && indexOf(campaign.population, customerId) === index) return;
  campaign.violations.add('key reused', campaignId, customerId, `${key} revoked for another`);
}

function revokeOne(call: Call, key: string, reason: string): 'revoked' | 'unknown' {
  const { keys, numbered } = call.tenant;
  const entry = keys.find(key);
  if (entry < 0) {
    keys.add(key, BARRED, 0, 0);
    return 'unknown';
  }
  if (keys.state(entry) === BARRED) return 'unknown';
  const campaign = numbered[keys.campaign(entry)];
  if (keys.state(entry) === ALLOCATED && campaign !== undefined) {
    const position = keys.position(entry);
    if (reason === 'expired') judgeExpiry(campaign, position, call.arrivedAtMs);
    takeBack(call.tenant, campaign, position);
    judgeTakeBack(campaign, position, reason, call.arrivedAtMs);
  }
  keys.setState(entry, REVOKED);
  return 'revoked';
}

function takeBack(tenant: Tenant, campaign: Campaign, position: number): void {
  const { assignments, tiers } = campaign.books;
  const { slot } = placeAt(campaign, position);
  const promotion = tenant.promotions.get(campaign.options.codes[slot] ?? '');
  const tier = promotion?.tiers[(tiers[position] ?? 0) - 1];
  if (promotion && tier && has(assignments, position, HELD)) spend(promotion.held, tier, -1);
  clear(assignments, position, HELD);
  mark(assignments, position, BOOK_REVOKED);
}

/** POST /lookups: what became of each key. */
export function lookUp(call: Call): Answer {
  verifySignature(call);
  const { keys } = readBody(call, lookupsBody);
  limitItems(call, keys.length);
  const results = keys.map((key) => {
    const entry = call.tenant.keys.find(key);
    const state = entry < 0 ? UNKNOWN : call.tenant.keys.state(entry);
    if (state === ALLOCATED) return { key, status: 'allocated', reference: `ref-${entry + 1}` };
    if (state === DECLINED) return { key, status: 'declined' };
    return { key, status: state === UNKNOWN ? 'unknown' : 'revoked' };
  });
  return answer(200, { results: inAnyOrder(call, results) });
}
