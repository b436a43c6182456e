import { cut } from '../src/domain/batching.ts';
import type { Reward } from '../src/domain/words.ts';
import type { Happening } from '../src/ledger/packing.ts';
import { batchSize, lanes } from './campaign-tenant.ts';
import {
  type FloorCalls,
  type FloorMember,
  type FloorPromocode,
  keyOf,
  type Row,
} from './floor-calls.ts';
import type { FloorCall } from './floor-http.ts';

/** What is kept of a batch's calls and decisions: nothing, or what the ledger keeps. */
export interface Keeping {
  call<A>(
    call: FloorCall<A>,
    members: readonly FloorMember[],
    became: (answer: A) => Happening[],
  ): Promise<A>;
  note(happenings: () => Happening[]): Promise<void>;
}

export const nothingKept: Keeping = {
  call: (call) => call.send(),
  note: async () => {},
};

/** Codes with their promocodes, each asked of Promotions once. */
export type Promocodes = ReadonlyMap<string, FloorPromocode>;

export async function findPromocodes(
  calls: Pick<FloorCalls, 'promocode'>,
  codes: Iterable<string>,
): Promise<Promocodes> {
  const found = new Map<string, FloorPromocode>();
  for (const code of codes) found.set(code, await calls.promocode(code));
  return found;
}

/** Reads the audience page by page, as it is read where pages may shift: one after another. */
export async function readPages(
  calls: FloorCalls,
  take: (rows: Row[]) => Promise<void> | void,
): Promise<void> {
  for (let skip = 0, length = batchSize; length === batchSize; skip += batchSize) {
    const rows = await calls.page(skip);
    await take(rows);
    length = rows.length;
  }
}

const controlAction = '1';

/** The targeted customers of a page, with their codes. */
export function targetedOf(rows: readonly Row[]) {
  return rows
    .filter((row) => String(row.ActionID) !== controlAction)
    .map((row) => ({
      customerId: row.CustomerID,
      actionId: String(row.ActionID),
      promoCodes: row.PromoCode?.split(',') ?? [],
    }));
}

/** Runs over all items, as many at once as promoflow has lanes. */
export async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>) {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** One batch: every code validated, what all codes of a customer were granted allocated, reported. */
export async function walkBatch(
  calls: FloorCalls,
  campaignId: string,
  members: readonly FloorMember[],
  promocodes: Promocodes,
  keeping: Keeping,
): Promise<void> {
  await keeping.note(() => members.map(({ position }) => ({ position, state: 'passed' })));
  const rewards = await validate(calls, members, promocodes, keeping);
  const customers = customersOf(members);
  const eligible = customers.filter((own) => own.every(({ position }) => rewards.has(position)));
  const given = new Set(eligible.flat());
  await keeping.note(() =>
    members
      .filter((member) => rewards.has(member.position) && !given.has(member))
      .map(({ position }) => ({ position, state: 'lapsed', reason: 'another_code_was_refused' })),
  );
  const held = await allocate(calls, campaignId, [...given], rewards, promocodes, keeping);
  const told = customers.map((own) => ({
    customerId: own[0]?.customerId ?? '',
    approved: own.every(({ position }) => held.has(position)),
  }));
  await keeping.call(calls.report(told), members, () =>
    customers.flatMap((own, index) =>
      own.map(({ position }): Happening => {
        return { position, clearance: told[index]?.approved ? 'told_true' : 'told_false' };
      }),
    ),
  );
}

function customersOf(members: readonly FloorMember[]): FloorMember[][] {
  const customers: FloorMember[][] = [];
  let last: FloorMember[] = [];
  for (const member of members) {
    if (last[0]?.customerId === member.customerId) last.push(member);
    else {
      last = [member];
      customers.push(last);
    }
  }
  return customers;
}

/** The rewards of the members who are eligible, by position. */
async function validate(
  calls: FloorCalls,
  members: readonly FloorMember[],
  promocodes: Promocodes,
  keeping: Keeping,
): Promise<Map<number, Reward[]>> {
  const rewards = new Map<number, Reward[]>();
  for (const [code, asked] of Map.groupBy(members, (member) => member.promoCode)) {
    const positions = new Map(asked.map((member) => [member.customerId, member.position]));
    const call = calls.validate(promocodeOf(promocodes, code), asked);
    const { contexts } = await keeping.call(call, asked, (answer) =>
      answer.contexts.map(({ customerId, valid, effects, reason = '' }): Happening => {
        const position = positions.get(customerId) ?? 0;
        return valid
          ? { position, state: 'rewarded', rewards: effects }
          : { position, state: 'refused', reason: reason.toLowerCase() };
      }),
    );
    for (const { customerId, valid, effects } of contexts) {
      if (valid) rewards.set(positions.get(customerId) ?? 0, effects);
    }
  }
  return rewards;
}

/** The positions of the members who hold their reward now. */
export async function allocate(
  calls: Pick<FloorCalls, 'allocate'>,
  campaignId: string,
  given: readonly FloorMember[],
  rewards: ReadonlyMap<number, Reward[]>,
  promocodes: Promocodes,
  keeping: Keeping,
): Promise<Set<number>> {
  const positions = new Map(given.map((member) => [keyOf(campaignId, member), member.position]));
  const held = new Set<number>();
  for (const piece of cut(given, batchSize)) {
    const call = calls.allocate(
      piece.map((member) => ({
        member,
        rewards: rewards.get(member.position) ?? [],
        of: promocodes.get(member.promoCode),
      })),
    );
    const { results } = await keeping.call(call, piece, (answer) =>
      answer.results.map(({ key, status, reference, reason }): Happening => {
        const position = positions.get(key) ?? 0;
        return {
          position,
          state: status,
          ...(reason !== undefined && { reason }),
          ...(reference !== undefined && { reference }),
        };
      }),
    );
    for (const { key, status } of results) {
      if (status === 'allocated') held.add(positions.get(key) ?? 0);
    }
  }
  return held;
}

export function promocodeOf(promocodes: Promocodes, code: string): FloorPromocode {
  const found = promocodes.get(code);
  if (!found) throw new Error(`Promo code ${code} was not looked up`);
  return found;
}
