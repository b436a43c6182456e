import { batchCustomers } from '../domain/batching.ts';
import type { CodesRule } from '../domain/clearance.ts';
import {
  addCalls,
  type CallSizes,
  type Calls,
  callsOfBatch,
  type PassedBatch,
  type Way,
} from '../domain/simulation.ts';
import { noCode } from '../domain/words.ts';
import type { AudienceRow } from '../world.ts';
import { createFingerprints } from './fingerprints.ts';
import type { Screened, SimulatedCustomer } from './simulated-screen.ts';

/** Reasons beyond these are counted together: a platform may find one for each customer. */
const mostReasons = 100;
export const otherReasons = 'other reasons';

/** What became of the customers so far; assignments are a customer and a code each. */
export interface Tally {
  customers: number;
  /** Assignments that are screened out, by reason. */
  screenedOut: Map<string, number>;
  /** Customers of whom something passes the screen, and those of them who have no promo code. */
  passed: number;
  withoutCode: number;
  /** Assignments that pass, by promo code. */
  promoCodes: Map<string, number>;
  calls: Calls;
}

interface Parts {
  way: Way;
  codes: CodesRule;
  screen(customers: readonly SimulatedCustomer[]): Promise<Screened>;
  /** Whether a code can be validated; asked once a code. */
  isKnown(promoCode: string): Promise<boolean>;
  /** As they are known by now: a screening may just have learned one. */
  sizes(): CallSizes;
}

/**
 * Cuts rows into batches as they come, and counts what each would do. A customer counts once, and each code of
 * his once; where his rows stand far apart, each is judged with the batch in which it comes.
 */
export function createBatches(parts: Parts) {
  const seen = createFingerprints();
  /** Whether each code that was met can be validated. */
  const codes = new Map<string, boolean>();
  const validates = parts.way.recipe.includes('validate');
  let open = new Map<string, SimulatedCustomer>();
  const tally: Tally = {
    ...{ customers: 0, passed: 0, withoutCode: 0, calls: {} },
    screenedOut: new Map(),
    promoCodes: new Map(),
  };

  async function add(row: AudienceRow): Promise<void> {
    const { customerId } = row;
    if (seen.add(customerId)) tally.customers += 1;
    const named = row.promoCodes.length > 0 ? row.promoCodes : [noCode];
    const fresh = named.filter((code) => seen.add(`${customerId}\x1f${code}`));
    if (fresh.length === 0) return;
    const known = open.get(customerId);
    if (known) {
      known.promoCodes.push(...fresh);
      return;
    }
    if (open.size === batchCustomers) await close();
    open.set(customerId, { customerId, promoCodes: fresh });
  }

  async function close(): Promise<void> {
    const customers = [...open.values()].map(withCodesAlone);
    open = new Map();
    if (customers.length === 0) return;
    const { reasonOf, asked } = await parts.screen(customers);
    const passed: SimulatedCustomer[] = [];
    for (const { customerId, promoCodes } of customers) {
      const left = promoCodes.filter((code) => {
        const reason = reasonOf(customerId, code);
        if (reason !== undefined) count(tally.screenedOut, reasonNamed(reason));
        return reason === undefined;
      });
      if (left.length > 0) passed.push({ customerId, promoCodes: left });
    }
    const batch = await countPassed(passed);
    const calls = callsOfBatch(parts.way, { ...batch, asked }, parts.sizes());
    tally.calls = addCalls(tally.calls, calls);
  }

  /** Where something is validated, an unknown code costs its customer what a refused one would. */
  async function countPassed(customers: SimulatedCustomer[]): Promise<Omit<PassedBatch, 'asked'>> {
    await learn(new Set(customers.flatMap(({ promoCodes }) => promoCodes)));
    const byCode = new Map<string, number>();
    const batch = { passed: customers.length, approved: 0, holders: 0, given: 0, byCode };
    tally.passed += customers.length;
    for (const { promoCodes } of customers) {
      if (promoCodes[0] === noCode) {
        tally.withoutCode += 1;
        batch.approved += 1;
        continue;
      }
      for (const code of promoCodes) count(tally.promoCodes, code);
      const known = promoCodes.filter((code) => codes.get(code));
      for (const code of known) count(byCode, code);
      const needed = parts.codes === 'all' ? promoCodes.length : 1;
      if (validates && known.length < needed) continue;
      batch.approved += 1;
      batch.given += known.length;
      if (known.length > 0) batch.holders += 1;
    }
    return batch;
  }

  async function learn(promoCodes: ReadonlySet<string>): Promise<void> {
    for (const code of promoCodes) {
      if (code !== noCode && !codes.has(code)) codes.set(code, await parts.isKnown(code));
    }
  }

  function reasonNamed(reason: string): string {
    const isListed = tally.screenedOut.has(reason) || tally.screenedOut.size < mostReasons;
    return isListed ? reason : otherReasons;
  }

  return {
    add,
    /** Closes the last batch. */
    async finish(): Promise<Tally> {
      await close();
      return tally;
    },
    tally,
    /** Codes that were asked for, and cannot be validated. */
    unknownCodes: () => [...codes].flatMap(([code, known]) => (known ? [] : code)),
  };
}

/** A row without a code gives way to the customer's codes. */
function withCodesAlone({ customerId, promoCodes }: SimulatedCustomer): SimulatedCustomer {
  if (promoCodes.length === 1) return { customerId, promoCodes };
  return { customerId, promoCodes: promoCodes.filter((code) => code !== noCode) };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
