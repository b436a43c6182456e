import type pg from 'pg';
import { redemptions, states, transition } from '../domain/assignment.ts';
import { cut } from '../domain/batching.ts';
import { answerUse, placeUsed, type Use, type UseAnswer } from '../domain/use.ts';
import { gather } from './gathering.ts';
import { type Connection, transaction } from './pool.ts';
import { type Change, findUsed, lockUsed, type Place, type Used, writeUsed } from './use-rows.ts';

/** Reports that share a transaction, at most: whoever walks one of their batches waits no longer. */
const mostAtOnce = 2_000;
const transactionsAtOnce = 2;

export interface UseResult {
  answer: UseAnswer;
  /** The platform's name under which the use stands; undefined where it gave none, or where ours was told. */
  redemptionId: string | undefined;
}

/** A report, whose it is, and whether a redemption follows on it. */
interface Reported extends Use {
  tenant: string;
  isRedeemed: boolean;
}

interface Waiting {
  reported: readonly Reported[];
  resolve(results: UseResult[]): void;
  reject(error: unknown): void;
}

export type Uses = ReturnType<typeof createUses>;

/** What the platform says that its customers have used: see `record`. */
export function createUses(pool: pg.Pool) {
  const waiting = gather<Waiting>(transactionsAtOnce, async (drain) => {
    const taken: Waiting[] = [];
    let left = mostAtOnce;
    for (let next = drain.first(); next && next.reported.length <= left; next = drain.first()) {
      left -= next.reported.length;
      taken.push(...drain.take(1));
    }
    try {
      const reported = taken.flatMap((one) => one.reported);
      const results = await transaction(pool, (connection) => record(connection, reported));
      for (const one of taken) one.resolve(results.splice(0, one.reported.length));
    } catch (error) {
      for (const one of taken) one.reject(error);
    }
  });

  return {
    /**
     * Writes down what was used; `isRedeemed`: the tenant has Promotions, which is told of what it has not
     * been told of yet. Results come in the order of the uses, once all of them are committed. Safe to repeat:
     * what was taken is then `already_used`. All that come while transactions are under way go with the
     * next. Rejects where the ledger is away: some may have been taken.
     */
    async record(
      tenant: string,
      uses: readonly Use[],
      { isRedeemed }: { isRedeemed: boolean },
    ): Promise<UseResult[]> {
      const results: UseResult[] = [];
      // One after another: of two reports of one assignment the first in the call counts.
      for (const piece of cut(uses, mostAtOnce)) {
        const { promise, resolve, reject } = Promise.withResolvers<UseResult[]>();
        const reported = piece.map((use) => ({ ...use, tenant, isRedeemed }));
        waiting.add({ reported, resolve, reject });
        results.push(...(await promise));
      }
      return results;
    },
  };
}

/** A few statements, however many reports. */
async function record(connection: Connection, reported: readonly Reported[]): Promise<UseResult[]> {
  const { found, wanted } = await findUsed(connection, reported);
  const places = await lockUsed(connection, wanted);
  const changes: Change[] = [];
  const used: Used[] = [];
  const results = reported.map((use, index): UseResult => {
    const where = found[index];
    if (!where) throw new Error('A report has come to nothing');
    if ('answer' in where) return { answer: where.answer, redemptionId: undefined };
    const mayBe = where.names.flatMap((name) => places.get(name) ?? []);
    const place = placeUsed(use, mayBe);
    if (!place) throw new Error('The ledger has no batch for an assignment');
    const answer = answerUse(place);
    const happened = happen(place, use.isRedeemed);
    if (happened.length > 0) {
      changes.push(...happened);
      place.use = use;
      used.push({ ...use, place, isQueued: happened.some(({ fact }) => fact === 'redemption') });
    }
    const isOurs = answer === 'already_told';
    return { answer, redemptionId: isOurs ? undefined : place.use?.redemptionId };
  });
  if (used.length > 0) await writeUsed(connection, changes, used);
  return results;
}

/** Moves the facts of an assignment, where the transitions allow it: what follows in the call finds them moved. */
function happen(place: Place, isRedeemed: boolean): Change[] {
  const state = transition('state', place.state, 'used');
  if (state === undefined) return [];
  place.state = state;
  const used: Change = { place, fact: 'state', value: states.indexOf(state), cause: 'used' };
  const redemption = isRedeemed && transition('redemption', place.redemption, 'queued');
  if (!redemption) return [used];
  place.redemption = redemption;
  const value = redemptions.indexOf(redemption);
  return [used, { place, fact: 'redemption', value, cause: 'queued' }];
}
