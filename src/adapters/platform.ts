import { z } from 'zod';
import type { PlatformSettings } from '../domain/tenant.ts';
import { isObject, readId } from '../wire/atoms.ts';
import { readRewards } from '../wire/reward.ts';
import type { AllocationOrder, AllocationOutcome, Platform, RateLimit } from '../world.ts';
import { malformed, readShape } from './http/answer.ts';
import { answerTimeoutMs, createEndpoint, type Dependencies } from './http/endpoint.ts';
import type { Answer } from './http/exchange.ts';
import { signatureOf } from './http/signature.ts';

/**
 * The tenant's own promotion system, by the platform contract (docs/platform-contract.md). Every call,
 * also one that only reads, is signed as Standard Webhooks when it is sent.
 */
export function createPlatform(
  settings: PlatformSettings & { limit: RateLimit | undefined },
  deps: Dependencies,
): Platform {
  const { baseUrl, limit, maxItemsPerCall, screening } = settings;
  const sign = (id: string, body: Buffer) => signatureOf(settings.secret, id, body);
  const headers = () => ({});
  const endpoint = createEndpoint({ farSide: 'platform', baseUrl, headers, limit, sign }, deps);
  const timeoutMs = answerTimeoutMs;

  return {
    maxItemsPerCall,
    screening,

    allocate(order) {
      const keys = order.allocations.map(({ key }) => key);
      return endpoint.call({
        name: 'allocations',
        path: '/allocations',
        key: order.key,
        timeoutMs,
        body: writeOrder(order),
        read: (answer, name) => readResults(answer, name, keys, readAllocation),
      });
    },

    revoke({ key, campaignId, reason, revocations }) {
      const keys = revocations.map((each) => each.key);
      return endpoint.call({
        name: 'revocations',
        path: '/revocations',
        key,
        timeoutMs,
        body: { campaignId, reason, revocations },
        read: (answer, name) =>
          readResults(answer, name, keys, ({ status }) => oneOf(revocationStatuses, status)),
      });
    },

    lookUp: (keys, reading) =>
      endpoint.read(
        {
          name: 'lookups',
          path: '/lookups',
          timeoutMs,
          body: { keys },
          read: (answer, name) =>
            readResults(answer, name, keys, (result) => {
              const status = oneOf(lookUpStatuses, result['status']);
              return status && { status, reference: readId(result['reference']) };
            }),
        },
        reading,
      ),

    screen: ({ campaignId, customers }, reading) => {
      const customerIds = customers.map(({ customerId }) => customerId);
      return endpoint.read(
        {
          name: 'screenings',
          path: '/screenings',
          timeoutMs,
          body: { campaignId, customerIds, customers },
          read: (answer, name) => readDenied(answer, name, customerIds),
        },
        reading,
      );
    },
  };
}

const revocationStatuses = ['revoked', 'unknown'] as const;
const lookUpStatuses = ['allocated', 'declined', 'revoked', 'unknown'] as const;

function oneOf<T extends string>(words: readonly T[], value: unknown): T | undefined {
  return words.find((word) => word === value);
}

function writeOrder({ campaign, allocations }: AllocationOrder) {
  // Thousands of allocations of one campaign begin and expire together.
  const instants = new Map<number, string>();
  const written = (instant: number): string => {
    const known = instants.get(instant) ?? new Date(instant).toISOString();
    instants.set(instant, known);
    return known;
  };
  return {
    campaignId: campaign.id,
    campaign,
    allocations: allocations.map(({ startsAt, ...each }) => ({
      ...each,
      ...(startsAt !== undefined && { startsAt: written(startsAt) }),
      expiresAt: written(each.expiresAt),
    })),
  };
}

const results = z.object({ results: z.array(z.unknown()) });

/** Results in any order, by key; others' keys are ignored, one of ours left out or twice is an error. */
function readResults<A>(
  answer: Answer,
  name: string,
  keys: readonly string[],
  read: (result: Record<string, unknown>) => A | undefined,
): Map<string, A> {
  const asked = new Set(keys);
  const found = new Map<string, A>();
  for (const result of readShape(name, results, answer).results) {
    const key = isObject(result) ? result['key'] : undefined;
    if (!isObject(result) || typeof key !== 'string') throw malformed(name, 'a result has no key');
    if (!asked.has(key)) continue;
    if (found.has(key)) throw malformed(name, 'a key is answered twice');
    const outcome = read(result);
    if (outcome === undefined) throw malformed(name, 'a result is not understood');
    found.set(key, outcome);
  }
  if (found.size !== asked.size) {
    throw malformed(name, `${asked.size - found.size} keys are left out`);
  }
  return found;
}

function readAllocation(result: Record<string, unknown>): AllocationOutcome | undefined {
  if (result['status'] === 'declined') {
    return { status: 'declined', reason: readId(result['reason']) ?? 'declined' };
  }
  const given = result['rewards'] ?? undefined;
  const rewards = given === undefined ? undefined : readRewards(given);
  if (result['status'] !== 'allocated' || (given !== undefined && !rewards)) return undefined;
  const reference = readId(result['reference']);
  return { status: 'allocated', reference, rewards, code: readId(result['code']) };
}

const denials = z.object({ denied: z.array(z.unknown()) });

function readDenied(
  answer: Answer,
  name: string,
  customerIds: readonly string[],
): Map<string, string> {
  const asked = new Set(customerIds);
  const denied = new Map<string, string>();
  for (const each of readShape(name, denials, answer).denied) {
    const customerId = isObject(each) ? readId(each['customerId']) : undefined;
    if (!isObject(each) || customerId === undefined) {
      throw malformed(name, 'a denial has no customerId');
    }
    if (asked.has(customerId)) denied.set(customerId, readId(each['reason']) ?? 'denied');
  }
  return denied;
}
