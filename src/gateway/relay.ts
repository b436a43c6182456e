import { executedPlanOf, type TenantSettings } from '../domain/tenant.ts';
import type { Due, Inbox } from '../ledger/inbox.ts';
import type { Starts } from '../starts.ts';
import { type ExecutedEvent, readEvent } from '../wire/events.ts';
import type { Log } from '../world.ts';
import { announcementOf, type OpenedEvent } from './announcement.ts';
import { createBell } from './bell.ts';

export interface RelayDeps {
  inbox: Pick<
    Inbox,
    | 'lease'
    | 'close'
    | 'postpone'
    | 'announce'
    | 'fence'
    | 'execute'
    | 'tenantsWithDebts'
    | 'tenantsWithEndings'
    | 'tenantsWithGrants'
  >;
  starts: Pick<
    Starts,
    | 'startCampaign'
    | 'signalCampaign'
    | 'startCancellation'
    | 'startFulfilment'
    | 'kickSettlement'
    | 'kickGrants'
  >;
  tenants: ReadonlyMap<string, TenantSettings>;
  log: Log;
}

export interface Relay {
  /** Something is due now. */
  wake(): void;
  stop(): Promise<void>;
}

const lookEveryMs = 3_000;
const debtsEveryMs = 60_000;

/**
 * Starts what is in the inbox and was not started: leases a row, commits, starts, marks. Many gateways
 * may do so at once; a row whose process died between start and mark is started again, which the
 * ledger and the run's id make harmless. Once a minute it wakes the settlement of whoever owes anything.
 */
export function startRelay(deps: RelayDeps): Relay {
  const stopping = new AbortController();
  const inboxBell = createBell();
  const debtsBell = createBell();

  async function look(): Promise<void> {
    while (!stopping.signal.aborted) {
      await relayDue(deps, stopping.signal);
      await inboxBell.wait(lookEveryMs);
    }
  }
  async function askForDebts(): Promise<void> {
    while (!stopping.signal.aborted) {
      await kickDebtors(deps);
      await debtsBell.wait(debtsEveryMs);
    }
  }
  const loops = Promise.all([look(), askForDebts()]);

  return {
    wake: inboxBell.ring,
    async stop() {
      stopping.abort();
      inboxBell.ring();
      debtsBell.ring();
      await loops;
    },
  };
}

/** Starts everything that is due now. Never throws: what fails is tried again after its pause. */
export async function relayDue(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  const names = [...deps.tenants.keys()];
  try {
    while (!signal.aborted) {
      const due = await deps.inbox.lease(names);
      if (!due) return;
      await relayOne(deps, due);
    }
  } catch (error) {
    deps.log.warn({ error: messageOf(error) }, 'the inbox cannot be read');
  }
}

async function relayOne(deps: RelayDeps, due: Due): Promise<void> {
  const { inbox, log } = deps;
  try {
    const { status, reason } = await start(deps, due);
    await inbox.close(due.id, { status, ...(reason !== undefined && { reason }) });
    log.info({ tenant: due.tenant, inbox: due.id, reason }, 'a webhook was relayed');
  } catch (error) {
    log.warn({ tenant: due.tenant, inbox: due.id, error: messageOf(error) }, 'a start failed');
    await inbox.postpone(due.id);
  }
}

interface Relayed {
  status: 'started' | 'quarantined';
  reason?: string;
}

async function start(deps: RelayDeps, due: Due): Promise<Relayed> {
  const tenant = deps.tenants.get(due.tenant);
  if (!tenant) throw new Error(`The tenant ${due.tenant} is not in the configuration`);
  const body = typeof due.body === 'string' ? JSON.parse(due.body) : due.body;
  const reading = readEvent(body, tenant.timeZone);
  // The settings may have changed since the event was taken.
  if (!reading.usable) return { status: 'quarantined', reason: reading.reason };
  switch (reading.event.kind) {
    case 'opened':
      return open(deps, tenant, reading.event, due.receivedAt);
    case 'deleted': {
      const id = { tenant: due.tenant, campaignId: reading.event.campaignId };
      await deps.inbox.fence(id);
      await deps.starts.startCancellation(id);
      return { status: 'started' };
    }
    case 'executed':
      return execute(deps, tenant, reading.event, due.receivedAt);
    default:
      return { status: 'quarantined', reason: 'nothing is started for this event' };
  }
}

/** The ledger first: from here on every effect goes by the new instants, whatever Temporal does. */
async function open(
  { inbox, starts }: RelayDeps,
  tenant: TenantSettings,
  event: OpenedEvent,
  receivedAt: number,
): Promise<Relayed> {
  const id = { tenant: tenant.tenant, campaignId: event.campaignId };
  const announcement = announcementOf(event, tenant.scheduled, receivedAt);
  const effect = await inbox.announce(id, announcement);
  if (effect === 'fenced') return { status: 'started', reason: 'the campaign was deleted before' };
  const isLate = announcement.instants !== undefined && announcement.instants.stop <= Date.now();
  // The run will find it late and close it; the reason must not wait for that.
  if (effect === 'fresh' && isLate) {
    const problem = 'its ClearanceRequiredBy had passed, or nearly, when it came';
    await inbox.announce(id, { ...announcement, problem });
  }
  await starts.startCampaign(id, { deadline: event.deadline });
  if (effect === 'rescheduled') await starts.signalCampaign(id);
  return { status: 'started' };
}

/** Event 13: the ledger knows which flow its campaign goes; one that nobody announced goes by the settings. */
async function execute(
  { inbox, starts }: RelayDeps,
  tenant: TenantSettings,
  event: ExecutedEvent,
  receivedAt: number,
): Promise<Relayed> {
  const { campaignId, channelId = '' } = event;
  const id = { tenant: tenant.tenant, campaignId, channel: channelId };
  const told = { at: event.sentAt ?? receivedAt, plan: executedPlanOf(tenant) };
  switch (await inbox.execute(id, told)) {
    case 'fenced':
      return { status: 'started', reason: 'the campaign was deleted before' };
    case 'unheeded':
      return { status: 'started', reason: 'nothing follows on the sending of this campaign' };
    default:
      await starts.startFulfilment(id);
      return { status: 'started' };
  }
}

async function kickDebtors({ inbox, starts, tenants, log }: RelayDeps): Promise<void> {
  try {
    const debtors = new Set([
      ...(await inbox.tenantsWithDebts()),
      ...(await inbox.tenantsWithEndings()),
    ]);
    for (const tenant of debtors) if (tenants.has(tenant)) starts.kickSettlement(tenant);
    const owing = await inbox.tenantsWithGrants();
    for (const tenant of owing) if (tenants.has(tenant)) starts.kickGrants(tenant);
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'debts cannot be read');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
