import type { Alert, AlertReceiver, Notice } from '../domain/alert.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import type { Log } from '../world.ts';
import { createBell } from './bell.ts';

export interface AlarmDeps {
  /** The ledger's memory of what needs a person. */
  alarm: {
    raise(alert: Alert): Promise<void>;
    look(tenants: readonly string[]): Promise<void>;
    lookAhead(tenants: readonly TenantSettings[]): Promise<void>;
    lease(): Promise<Notice | undefined>;
    markTold(notice: Notice): Promise<void>;
    postpone(notice: Notice): Promise<void>;
    forgetEnded(): Promise<void>;
  };
  /** Who is told now; undefined where nobody is configured. */
  alertReceiver(): AlertReceiver | undefined;
  tenants: ReadonlyMap<string, TenantSettings>;
  log: Log;
}

export interface Watch {
  /** Something may have happened that a person should know. */
  wake(): void;
  stop(): Promise<void>;
}

const tellEveryMs = 2_000;
const lookEveryMs = 10_000;
const lookAheadEveryMs = 30_000;

/**
 * Keeps watch over what needs a person: looks at the ledger, and tells the receiver what was raised or
 * is over, by this gateway or anybody. Many gateways may do so at once: each notice is leased.
 */
export function startWatch(deps: AlarmDeps): Watch {
  const { alarm, tenants, log } = deps;
  const stopping = new AbortController();
  const bells = { tell: createBell(), look: createBell(), ahead: createBell() };

  async function repeat(bell: keyof typeof bells, ms: number, act: () => Promise<void>) {
    while (!stopping.signal.aborted) {
      await act().catch((error) => log.warn({ error: String(error) }, 'alerts cannot be read'));
      await bells[bell].wait(ms);
    }
  }

  const loops = Promise.all([
    repeat('tell', tellEveryMs, () => tellDue(deps, stopping.signal)),
    repeat('look', lookEveryMs, async () => {
      await alarm.look([...tenants.keys()]);
      bells.tell.ring();
    }),
    repeat('ahead', lookAheadEveryMs, async () => {
      await alarm.lookAhead([...tenants.values()]);
    }),
  ]);

  return {
    wake: bells.look.ring,
    async stop() {
      stopping.abort();
      for (const bell of Object.values(bells)) bell.ring();
      await loops;
    },
  };
}

/**
 * Tells the receiver what it has not heard, in its order. A receiver that does not take a notice hears
 * it again after a pause, under the same id, for as long as it takes.
 */
export async function tellDue(deps: AlarmDeps, signal: AbortSignal): Promise<void> {
  const { alarm, log } = deps;
  while (!signal.aborted) {
    const receiver = deps.alertReceiver();
    if (!receiver) return alarm.forgetEnded();
    const notice = await alarm.lease();
    if (!notice) return;
    try {
      await receiver.tell(notice);
    } catch (error) {
      log.warn({ notice: notice.noticeId, error: String(error) }, 'an alert could not be told yet');
      await alarm.postpone(notice);
      // It may well be away: the others need not find out one by one.
      return;
    }
    await alarm.markTold(notice);
  }
}
