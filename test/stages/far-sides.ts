import { createHash } from 'node:crypto';
import { Fault } from '../../src/domain/fault.ts';
import type { Reward } from '../../src/domain/words.ts';
import type {
  AllocationOrder,
  AllocationOutcome,
  Call,
  DataConnection,
  LookUpOutcome,
  Promocode,
  Promotions,
  PublishedBatch,
  Publisher,
  RateLimit,
  RedemptionReport,
  RevocationOrder,
  StatusReport,
  Upload,
  Validation,
  ValidationOutcome,
  World,
} from '../../src/world.ts';

export type Kind = 'validate' | 'allocate' | 'upload' | 'publish' | 'report' | 'redeem' | 'revoke';

/** What happens to one call: a fault before or after the far side has acted, or its process's end. */
export interface Mishap {
  acts: boolean;
  fault?: Fault;
  /** Called after acting: what the process does before it can write the answer down. */
  meanwhile?: () => Promise<unknown>;
}

/** One call that left this process, with what it carried. */
export type Sent =
  | { kind: 'validate'; body: Validation; hash: string }
  | { kind: 'allocate'; body: AllocationOrder; hash: string }
  | { kind: 'upload'; body: Upload; hash: string }
  | { kind: 'publish'; body: PublishedBatch; hash: string }
  | { kind: 'report'; body: StatusReport; hash: string }
  | { kind: 'redeem'; body: RedemptionReport[]; hash: string }
  | { kind: 'revoke'; body: RevocationOrder; hash: string };

/** The far sides of a tenant that has them all. */
type Complete = World & {
  promotions: Promotions;
  publisher: Publisher;
  dataConnection: DataConnection;
};

export const lostAnswer = (): Fault => new Fault('unknown', 'the answer was lost');

/** Long enough for a slow machine to answer in, short enough to be waited out. */
export const timeoutMs = 100;

/**
 * Far sides that do what they are told and remember it: how often each customer was validated, what is
 * allocated, what Optimove was told. A test puts mishaps in their way, call by call.
 */
export function createFarSides() {
  const sent: Sent[] = [];
  const mishaps = new Map<Kind, Mishap[]>();
  const validated = new Map<string, number>();
  const awards = new Map<string, Reward[]>();
  const allocations = new Map<string, 'allocated' | 'declined' | 'revoked'>();
  const cleared = new Map<string, boolean>();
  const redeemed = new Map<string, number>();
  /** By batch id, what the publisher was handed: the same id again is the same batch. */
  const published = new Map<string, PublishedBatch>();
  /** What a test changes: who is refused by whom, which sizes are taken, which limit counts. */
  const rules = {
    ineligible: new Set<string>(),
    declined: new Set<string>(),
    /** Customers whose presence makes the far side answer 400. */
    poison: new Set<string>(),
    maxPerCall: Infinity,
    limit: noLimit(),
    deniedBy: new Map<string, string>(),
    unknownCodes: new Set<string>(),
    answersOfAwards: anybody(),
  };
  const screened: unknown[] = [];
  const reads = { lookUps: 0, assignments: 0, screened };

  function call<A>(entry: Sent, customers: readonly string[], act: () => A): Call<A> {
    return {
      hash: entry.hash,
      timeoutMs,
      limit: rules.limit,
      async send(permit) {
        if (performance.now() > permit.until) throw new Fault('not_sent', 'its permit was over');
        sent.push(entry);
        if (customers.length > rules.maxPerCall)
          throw new Fault('too_large', '413', { status: 413 });
        if (customers.some((id) => rules.poison.has(id))) {
          throw new Fault('refused', 'answered 400', { status: 400 });
        }
        const mishap = mishaps.get(entry.kind)?.shift();
        if (mishap && !mishap.acts && mishap.fault) throw mishap.fault;
        const answer = act();
        await mishap?.meanwhile?.();
        if (mishap?.fault) throw mishap.fault;
        return answer;
      },
    };
  }

  function validate(body: Validation): Call<Map<string, ValidationOutcome>> {
    return call({ kind: 'validate', body, hash: hashOf(body) }, body.customerIds, () => {
      const answer = new Map<string, ValidationOutcome>();
      for (const id of body.customerIds) {
        const key = `${id} ${body.promocodeId}`;
        validated.set(key, (validated.get(key) ?? 0) + 1);
        const rewards = [{ rewardTypeId: 'spins', value: 10, code: `U-${key}` }];
        if (!rules.ineligible.has(id)) awards.set(key, rewards);
        answer.set(
          id,
          rules.ineligible.has(id)
            ? { eligible: false, reason: 'not_eligible' }
            : { eligible: true, rewards },
        );
      }
      return answer;
    });
  }

  function allocate(body: AllocationOrder): Call<Map<string, AllocationOutcome>> {
    const customers = body.allocations.map((each) => each.customerId);
    return call({ kind: 'allocate', body, hash: hashOf(body) }, customers, () => {
      const answer = new Map<string, AllocationOutcome>();
      for (const { key, customerId } of body.allocations) {
        const known = allocations.get(key);
        const status = known ?? (rules.declined.has(customerId) ? 'declined' : 'allocated');
        allocations.set(key, status);
        answer.set(
          key,
          status === 'allocated'
            ? { status, reference: `ref ${key}`, rewards: undefined, code: undefined }
            : { status: 'declined', reason: status },
        );
      }
      return answer;
    });
  }

  function revoke(body: RevocationOrder): Call<Map<string, 'revoked' | 'unknown'>> {
    const customers = body.revocations.map((each) => each.customerId);
    return call({ kind: 'revoke', body, hash: hashOf(body) }, customers, () => {
      const answer = new Map<string, 'revoked' | 'unknown'>();
      for (const { key } of body.revocations) {
        answer.set(key, allocations.has(key) ? 'revoked' : 'unknown');
        allocations.set(key, 'revoked');
      }
      return answer;
    });
  }

  const world: Complete = {
    optimove: {
      reportStatus: (body) =>
        call(
          { kind: 'report', body, hash: hashOf(body) },
          body.customers.map((each) => each.customerId),
          () => {
            for (const { customerId, approved } of body.customers)
              cleared.set(customerId, approved);
          },
        ),
      processedCustomers: () => Promise.reject(new Error('no stage reads the audience')),
      canceledCustomers: () => Promise.reject(new Error('no stage reads the audience')),
      executedCustomers: () => Promise.reject(new Error('no stage reads executions')),
      executedCampaigns: () => Promise.reject(new Error('no stage reads executions')),
      endedActions: () => Promise.reject(new Error('no stage reads what has ended')),
      campaignDetails: () => Promise.reject(new Error('no stage reads details')),
      registerGate: async () => {},
      probe: async () => {},
    },
    promotions: {
      maxCustomersPerCall: 10_000,
      recovery: 'assignments',
      unknownCodes: 'refuse',
      promocode: async (code): Promise<Promocode | undefined> =>
        rules.unknownCodes.has(code)
          ? undefined
          : { promocodeId: `id of ${code}`, promotionId: undefined },
      validate,
      awards: () => Promise.reject(new Error('no stage reads the awards of a whole occurrence')),
      codeOf: () => Promise.reject(new Error('no stage asks for the code of a promocode')),
      async assignments({ customerIds, promocodeId }) {
        reads.assignments += 1;
        return new Map(
          customerIds.flatMap((id) => {
            const rewards = awards.get(`${id} ${promocodeId}`);
            const isShown = rules.answersOfAwards?.has(id) ?? true;
            return rewards && isShown ? [[id, rewards] as const] : [];
          }),
        );
      },
      redeem: (body) =>
        call(
          { kind: 'redeem', body, hash: hashOf(body) },
          body.map((each) => each.customerId),
          () => {
            for (const { redemptionId } of body) {
              redeemed.set(redemptionId, (redeemed.get(redemptionId) ?? 0) + 1);
            }
          },
        ),
    },
    publisher: {
      decide: () => Promise.reject(new Error('no stage asks the publisher about one customer')),
      publish: (body) =>
        call(
          { kind: 'publish', body, hash: hashOf(body) },
          body.customers.map((each) => each.customerId),
          () => void published.set(body.batchId, body),
        ),
    },
    dataConnection: {
      maxRowsPerCall: 5_000,
      required: true,
      upload: (body) =>
        call(
          { kind: 'upload', body, hash: hashOf(body) },
          body.rows.map((each) => each.customerId),
          () => undefined,
        ),
    },
    platform: {
      maxItemsPerCall: 10_000,
      screening: true,
      allocate,
      revoke,
      async lookUp(keys) {
        reads.lookUps += 1;
        return new Map<string, LookUpOutcome>(
          keys.map((key) => [
            key,
            { status: allocations.get(key) ?? 'unknown', reference: `ref ${key}` },
          ]),
        );
      },
      async screen(request) {
        reads.screened.push(...request.customers);
        return rules.deniedBy;
      },
    },
  };

  return {
    world,
    sent,
    rules,
    reads,
    validated,
    allocations,
    cleared,
    redeemed,
    published,
    /** Awards as if Promotions, or its publisher, had decided so. */
    award(customerId: string, code = 'SPINS') {
      awards.set(`${customerId} id of ${code}`, [{ rewardTypeId: 'spins', value: 10 }]);
    },
    /** The calls of one kind, in order. */
    of: <K extends Kind>(kind: K) =>
      sent.filter((one): one is Extract<Sent, { kind: K }> => one.kind === kind),
    /** Puts mishaps in the way of the next calls of a kind. */
    mishap(kind: Kind, ...next: Mishap[]) {
      mishaps.set(kind, [...(mishaps.get(kind) ?? []), ...next]);
    },
  };
}

export type FarSides = ReturnType<typeof createFarSides>;

function hashOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function noLimit(): RateLimit | undefined {
  return undefined;
}

/** Whose awards Customer Assignment shows: everybody's. */
function anybody(): Set<string> | undefined {
  return undefined;
}
