import { cut } from '../src/domain/batching.ts';
import type { Reward } from '../src/domain/words.ts';
import type { Happening } from '../src/ledger/packing.ts';
import { batchSize } from './campaign-tenant.ts';
import type { FloorCalls, FloorMember } from './floor-calls.ts';
import {
  allocate,
  findPromocodes,
  type Keeping,
  type Promocodes,
  promocodeOf,
} from './floor-walk.ts';
import type { ExecutedCalls, ExecutionRow } from './flows-floor-calls.ts';

/** The flows that begin with event 13. */
export type ExecutedFlow = 'automatic' | 'executions';

/** A customer of a page, with codes that he is to be given. */
export interface Entitled {
  customerId: string;
  actionId: string | undefined;
  promoCodes: string[];
}

/** What becomes of each page: the sweep it belongs to and its number there, both from 0. */
export type TakePage = (rows: Entitled[], sweep: number, number: number) => Promise<void> | void;

/** Who is to be given something was read; and for when the sending was scheduled, epoch milliseconds. */
export interface Found {
  promocodes: Promocodes;
  scheduledAt: number;
}

/** Reads all who were sent the campaign, with their codes. */
export async function findSent(calls: ExecutedCalls, take: TakePage): Promise<Found> {
  let scheduledAt = 0;
  await readTwice(calls.executions, (rows, sweep, number) => {
    scheduledAt = Math.max(scheduledAt, scheduleOf(rows));
    const entitled = rows.map(({ CustomerID, ActionID, PromoCode }) => ({
      customerId: CustomerID,
      actionId: String(ActionID),
      promoCodes: codesOf(PromoCode),
    }));
    return take(entitled, sweep, number);
  });
  return { promocodes: new Map(), scheduledAt };
}

/** So many of those who were sent tell the codes; awards name them by promocode ids. */
const tellsCodes = 1_000;

/** Reads all who were awarded something. */
export async function findAwarded(
  calls: ExecutedCalls & Pick<FloorCalls, 'promocode'>,
  take: TakePage,
): Promise<Found> {
  const sent = await calls.executions(0, tellsCodes);
  const codes = new Set(sent.flatMap(({ PromoCode }) => codesOf(PromoCode)));
  const promocodes = await findPromocodes(calls, codes);
  const codeOf = new Map([...promocodes].map(([code, { promocodeId }]) => [promocodeId, code]));
  await readTwice(calls.awards, (rows, sweep, number) => {
    const entitled = rows.map(({ customerId, promocodeId }) => {
      const code = codeOf.get(promocodeId);
      return { customerId, actionId: undefined, promoCodes: code === undefined ? [] : [code] };
    });
    return take(entitled, sweep, number);
  });
  return { promocodes, scheduledAt: scheduleOf(sent) };
}

/** Pages may shift while they are read: a second sweep that adds nothing shows that none did. */
async function readTwice<Row>(
  readPage: (skip: number) => Promise<Row[]>,
  take: (rows: Row[], sweep: number, number: number) => Promise<void> | void,
): Promise<void> {
  for (let sweep = 0; sweep < 2; sweep += 1) {
    for (let number = 0, length = batchSize; length === batchSize; number += 1) {
      const rows = await readPage(number * batchSize);
      await take(rows, sweep, number);
      length = rows.length;
    }
  }
}

function codesOf(promoCode: string | null): string[] {
  return promoCode?.split(',') ?? [];
}

/** Optimove's times carry no zone, and the tenant's is UTC. */
function scheduleOf([row]: readonly ExecutionRow[]): number {
  return row === undefined ? 0 : Date.parse(`${row.ScheduleTime.replace(' ', 'T')}Z`);
}

/** One batch: whoever was awarded something, or was sent a code, is given it. */
export async function walkExecuted(
  calls: ExecutedCalls & Pick<FloorCalls, 'allocate'>,
  {
    flow,
    campaignId,
    promocodes,
  }: Pick<Found, 'promocodes'> & {
    flow: ExecutedFlow;
    campaignId: string;
  },
  members: readonly FloorMember[],
  keeping: Keeping,
): Promise<void> {
  await keeping.note(() => members.map(({ position }) => ({ position, state: 'passed' })));
  const isAwarded = flow === 'automatic';
  const rewards = isAwarded
    ? await awardsOf(calls, members, promocodes)
    : new Map<number, Reward[]>();
  if (isAwarded) await keeping.note(() => awarded(members, rewards));
  const given = members.filter(({ position }) => !isAwarded || rewards.has(position));
  await allocate(calls, campaignId, given, rewards, promocodes, keeping);
}

/** What these members were awarded, by position. */
async function awardsOf(
  calls: ExecutedCalls,
  members: readonly FloorMember[],
  promocodes: Promocodes,
): Promise<Map<number, Reward[]>> {
  const rewards = new Map<number, Reward[]>();
  for (const [code, own] of Map.groupBy(members, (member) => member.promoCode)) {
    const { promocodeId } = promocodeOf(promocodes, code);
    const positions = new Map(own.map((member) => [member.customerId, member.position]));
    for (const piece of cut(own, batchSize)) {
      const ids = piece.map(({ customerId }) => customerId);
      for (const award of await calls.awardsOf(promocodeId, ids)) {
        const told = award.rewards.map(({ rewardType: _, ...reward }) => reward);
        rewards.set(positions.get(award.customerId) ?? 0, told);
      }
    }
  }
  return rewards;
}

function awarded(
  members: readonly FloorMember[],
  rewards: ReadonlyMap<number, Reward[]>,
): Happening[] {
  return members.map(({ position }): Happening => {
    const own = rewards.get(position);
    return own
      ? { position, state: 'rewarded', rewards: own }
      : { position, state: 'refused', reason: 'not_awarded' };
  });
}
