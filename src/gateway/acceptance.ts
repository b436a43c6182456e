import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { refusedWebhookAlert } from '../domain/alert.ts';
import { permitMs } from '../domain/effect.ts';
import { mayHaveGiven, runsConditional, type TenantSettings } from '../domain/tenant.ts';
import type { CampaignId } from '../domain/words.ts';
import type { Delivery, Inbox, Receipt } from '../ledger/inbox.ts';
import type { Starts } from '../starts.ts';
import { readEvent, type TriggeredEvent } from '../wire/events.ts';
import type { Log } from '../world.ts';
import type { AlarmDeps } from './alarm.ts';
import { announcementOf, type OpenedEvent, unusableAnnouncement } from './announcement.ts';
import { executedOf, unheeded, unheededExecution } from './executed.ts';

/** A store that has not answered by then is away; Optimove waits for our answer. */
const ledgerBoundMs = 1_500;
/** What only the ledger may keep has nowhere else to go, and nobody promises to send it again (API §5.5). */
const ledgerAloneMs = 10_000;
const temporalBoundMs = 2_000;

export type AcceptanceStarts = Pick<Starts, 'startCampaign' | 'startCancellation' | 'kickGrants'>;

export interface AcceptanceDeps {
  inbox: Pick<Inbox, 'record' | 'fence' | 'announce'>;
  starts: AcceptanceStarts;
  wakeRelay(): void;
  /** What was put aside is looked at, and told of, now. */
  wakeWatch(): void;
  alarm: Pick<AlarmDeps['alarm'], 'raise'>;
  log: Log;
}

/** Where a delivery is safe now; `nowhere` asks the sender to come again. */
export type Acceptance = 'ledger' | 'temporal' | 'nowhere';

/**
 * Takes one webhook into a durable store. Events 4 and 5 of a managed tenant are taken by either
 * store: with the ledger away the run is started with what the event said, and records it first.
 */
export async function accept(
  deps: AcceptanceDeps,
  tenant: TenantSettings,
  webhook: { raw: string; json: unknown },
): Promise<Acceptance> {
  const reading = readEvent(webhook.json, tenant.timeZone);
  if (!reading.usable) {
    const { type, campaignId, reason } = reading;
    const facts = { type, campaignId, status: 'quarantined', reason } as const;
    return keep(deps, { tenant: tenant.tenant, raw: webhook.raw, ...facts });
  }
  const { event } = reading;
  const delivery: Delivery = {
    tenant: tenant.tenant,
    raw: webhook.raw,
    type: event.type,
    campaignId: event.campaignId,
    status: 'recorded',
    reason: event.kind === 'unknown' ? 'its EventTypeID is not one we know' : undefined,
  };
  if (event.kind === 'triggered') return take(deps, tenant, delivery, event);
  const due = { ...delivery, status: 'due' } as const;
  switch (event.kind) {
    case 'opened':
      return runsConditional(tenant) ? open(deps, tenant, due, event) : keep(deps, delivery);
    case 'deleted':
      // It also fences what no event 5 has begun, such as a triggered campaign.
      return mayHaveGiven(tenant)
        ? remove(deps, due, tenantAnd(tenant, event))
        : keep(deps, delivery);
    case 'executed': {
      const reason = unheededExecution(tenant, event);
      if (reason !== undefined) return keep(deps, { ...delivery, reason });
      const accepted = await keep(deps, due);
      if (accepted === 'ledger') deps.wakeRelay();
      return accepted;
    }
    default:
      return keep(deps, delivery);
  }
}

function tenantAnd({ tenant }: TenantSettings, { campaignId }: { campaignId: string }): CampaignId {
  return { tenant, campaignId };
}

/** Event 5: recorded as due; the relay announces and starts it at once. */
async function open(
  deps: AcceptanceDeps,
  tenant: TenantSettings,
  delivery: Delivery,
  event: OpenedEvent,
): Promise<Acceptance> {
  const recorded = await record(deps, delivery);
  if (recorded) {
    deps.wakeRelay();
    return 'ledger';
  }
  const announcement = announcementOf(event, tenant.scheduled, Date.now());
  const id = tenantAnd(tenant, event);
  return startDirectly(deps, id, () =>
    deps.starts.startCampaign(id, { deadline: event.deadline, announcement }),
  );
}

/** Event 4: the fence stands, and the last permit is over, before the sender is answered. */
async function remove(
  deps: AcceptanceDeps,
  delivery: Delivery,
  id: CampaignId,
): Promise<Acceptance> {
  const recorded = await record(deps, delivery);
  if (recorded && (await fence(deps, id))) {
    await delay(permitMs);
    deps.wakeRelay();
    return 'ledger';
  }
  return startDirectly(deps, id, () => deps.starts.startCancellation(id));
}

async function fence(deps: AcceptanceDeps, id: CampaignId): Promise<boolean> {
  try {
    await within(ledgerBoundMs, deps.inbox.fence(id));
    return true;
  } catch (error) {
    deps.log.error({ ...id, error: messageOf(error) }, 'the ledger took no fence');
    return false;
  }
}

/** Event 11: kept with what the grants story needs of it; one that gives nothing says why. */
async function take(
  deps: AcceptanceDeps,
  tenant: TenantSettings,
  delivery: Delivery,
  event: TriggeredEvent,
): Promise<Acceptance> {
  const reason = unheeded(tenant, event);
  if (reason !== undefined) return keep(deps, { ...delivery, reason });
  const accepted = await keep(deps, { ...delivery, status: 'queued', reading: executedOf(event) });
  if (accepted === 'ledger') deps.starts.kickGrants(tenant.tenant);
  return accepted;
}

/** What needs no start; only the ledger may keep it, because it may carry a customer's id. */
async function keep(deps: AcceptanceDeps, delivery: Delivery): Promise<Acceptance> {
  const recorded = await record(deps, delivery, ledgerAloneMs);
  if (!recorded) return 'nowhere';
  const { type, campaignId, status } = delivery;
  if (status === 'quarantined' && recorded.times === 1) {
    deps.wakeWatch();
    if (type === 5 && campaignId !== undefined) await showProblem(deps, delivery, campaignId);
  }
  return 'ledger';
}

/** The campaign shows why nobody is approved; the quarantined row holds the reason in any case. */
async function showProblem(
  deps: AcceptanceDeps,
  { tenant, reason = '' }: Delivery,
  campaignId: string,
): Promise<void> {
  try {
    const announcement = unusableAnnouncement(reason);
    await within(ledgerBoundMs, deps.inbox.announce({ tenant, campaignId }, announcement));
  } catch (error) {
    deps.log.error({ tenant, campaignId, error: messageOf(error) }, 'a problem is not shown');
  }
}

async function record(
  deps: AcceptanceDeps,
  delivery: Delivery,
  boundMs = ledgerBoundMs,
): Promise<Receipt | undefined> {
  const { tenant, type, campaignId } = delivery;
  try {
    const receipt = await within(boundMs, deps.inbox.record(delivery));
    const { reason } = delivery;
    deps.log.info({ tenant, type, campaignId, reason, ...receipt }, 'a webhook was recorded');
    return receipt;
  } catch (error) {
    deps.log.error({ tenant, type, campaignId, error: messageOf(error) }, 'the ledger is away');
    return undefined;
  }
}

async function startDirectly(
  { log, alarm }: AcceptanceDeps,
  id: CampaignId,
  start: () => Promise<void>,
): Promise<Acceptance> {
  try {
    await within(temporalBoundMs, start());
    log.warn({ ...id }, 'started without the ledger');
    return 'temporal';
  } catch (error) {
    log.error({ ...id, error: messageOf(error) }, 'a start failed, and the ledger is away');
    // The sender need not wait for it: it takes as long as the ledger does not answer.
    void alarm.raise(refusedWebhookAlert(id.tenant, id.campaignId));
    return 'nowhere';
  }
}

async function within<T>(boundMs: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(async () => {
    // After a stall timers come before what has arrived meanwhile, which is heard first.
    await turn();
    reject(new Error(`no answer within ${boundMs} ms`));
  }, boundMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    // Whoever lost the race must not end the process when it fails later.
    work.catch(() => {});
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
