import { batchCustomers, cut } from '../domain/batching.ts';
import type { Executed, Met } from '../domain/executed.ts';
import { type TenantSettings, type TriggeredSettings, triggeredPlan } from '../domain/tenant.ts';
import { markGrants } from '../ledger/grant-pools.ts';
import {
  closeEvents,
  type Heard,
  hearEvents,
  lockWaiting,
  postponeEvents,
  type Waiting,
} from '../ledger/grants.ts';
import type { Connection, Pool } from '../ledger/pool.ts';
import { openPool, sharedTransaction } from '../ledger/pools.ts';
import { openTriggered, type TriggeredCampaign } from '../ledger/triggered.ts';

/** An event whose check is being answered at this moment is looked at again after this long. */
export const undecidedForMs = 1_000;

const dayMs = 86_400_000;

export interface Hearer {
  pool: Pool;
  /** The numbers of new pools. */
  nextNumber(): Promise<number>;
  settings: TenantSettings;
  triggered: TriggeredSettings;
}

/**
 * Hears the events 11 of one campaign, all in one commit: those that give come into pools, and all that
 * need no further look are closed. Returns how many those are.
 */
export async function hearCampaign(
  hearer: Hearer,
  campaignId: string,
  events: readonly Waiting[],
): Promise<number> {
  const { pool, settings, triggered } = hearer;
  const codes = [...new Set(events.flatMap(({ executed }) => executed.promoCodes))];
  const id = { tenant: settings.tenant, campaignId };
  const campaign = await openTriggered(pool, id, triggeredPlan(settings), codes);
  const { row } = campaign;
  const pointless = pointlessFor(campaign);
  return sharedTransaction(pool, row.ref, async (connection) => {
    const still = await lockWaiting(connection, events.map(idOf));
    const waiting = firstOfEach(events.filter((one) => still.has(one.id)));
    if (pointless !== undefined) {
      const closed = waiting.map((one) => ({ id: one.id, reason: pointless }));
      await closeEvents(connection, closed);
      return closed.length;
    }
    const heard = await hearEvents(connection, row.ref, waiting, repeatsOf(triggered));
    const judged = waiting.flatMap((event, index) => {
      const found = heard[index];
      return found ? [{ event, ...found }] : [];
    });
    await openAll(hearer, connection, campaign, judged.filter(gives));
    const undecided = judged.filter(({ verdict }) => verdict === 'undecided');
    const left = undecided.map(({ event }) => event.id);
    await postponeEvents(connection, left, undecidedForMs);
    await closeEvents(connection, judged.flatMap(closingOf));
    return judged.length - undecided.length;
  });
}

type Judged = Heard & { event: Waiting };

/** Why none of its events can give anything. */
function pointlessFor({ row }: TriggeredCampaign): string | undefined {
  if (row.fence) return 'its campaign was taken back';
  return row.kind === 'triggered' ? undefined : 'its campaign is not a triggered one';
}

function gives({ verdict, event }: Judged): boolean {
  return verdict === 'fresh' && event.executed.promoCodes.length > 0;
}

/** A pool for all who are to be given the same codes and were told the same of the campaign. */
async function openAll(
  { nextNumber }: Hearer,
  connection: Connection,
  { row: { ref, plan }, codes }: TriggeredCampaign,
  giving: readonly Judged[],
): Promise<void> {
  if (!plan) throw new Error(`Campaign ${ref} has no plan`);
  const lastsMs = plan.durationDays * dayMs;
  const alike = Map.groupBy(giving, ({ event: { executed } }) =>
    JSON.stringify([executed.promoCodes.toSorted(), executed.said]),
  );
  for (const [first, ...others] of alike.values()) {
    if (!first) continue;
    const { promoCodes, said } = first.event.executed;
    const most = Math.max(1, Math.floor(batchCustomers / promoCodes.length));
    for (const piece of cut([first, ...others], most)) {
      const number = await nextNumber();
      const opened = {
        ...{ campaign: ref, number, said, actionId: undefined },
        customers: piece.map(({ event, instance }) => ({
          customerId: event.executed.customerId,
          instance,
        })),
        codes: promoCodes.map((code) => codes.get(code) ?? 0),
        ...({ state: 'targeted', clearance: 'none' } as const),
        leftMs: lastsMs,
        expiresAt: Math.ceil((Date.now() + lastsMs) / 1_000) * 1_000,
      };
      const opening = await openPool(connection, opened, undefined, undefined);
      // Held, halted or fenced at this moment: all of it is rolled back, and heard again.
      if (opening.verdict !== 'opened') {
        throw new Error(`A pool of events 11 cannot be opened: ${opening.verdict}`);
      }
      const met = metOf(piece.map(({ event }) => event.executed));
      await markGrants(connection, ref, number, met);
    }
  }
}

const reasons = {
  fresh: 'it gives',
  confirmed: 'it confirms what the gate allowed',
  denied: 'the gate answered false',
  repeat: 'its trigger was heard before',
} as const;

function closingOf({ event, verdict }: Judged): { id: number; reason: string }[] {
  if (verdict === 'undecided') return [];
  const givesNothing = verdict === 'fresh' && event.executed.promoCodes.length === 0;
  return [{ id: event.id, reason: givesNothing ? 'it names no promo code' : reasons[verdict] }];
}

function repeatsOf({ repeats, repeatWindowSeconds }: TriggeredSettings) {
  return { windowMs: repeatWindowSeconds * 1_000, isOnce: repeats === 'once' };
}

const idOf = ({ id }: Waiting): number => id;

/** Of a customer's events the first is heard; the others are judged, later, by what became of it. */
function firstOfEach(events: readonly Waiting[]): Waiting[] {
  const first = new Map<string, Waiting>();
  for (const one of events) {
    const { customerId } = one.executed;
    if (!first.has(customerId)) first.set(customerId, one);
  }
  return [...first.values()];
}

function metOf(executed: readonly Executed[]): ReadonlyMap<string, Met> {
  return new Map(
    executed.flatMap(({ customerId, met }) =>
      met.attributes || met.event ? [[customerId, met] as const] : [],
    ),
  );
}
