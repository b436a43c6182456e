import {
  Client,
  Connection,
  type ConnectionOptions,
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { Acting, Refusal, Releasing } from './domain/act.ts';
import type { Announcement } from './domain/campaign.ts';
import type { CampaignId } from './domain/words.ts';
import { everyNight, hourly, type Scheduled } from './schedules.ts';
import { attributesOf, searchAttributeKeys, taskQueue, workflowId } from './workflows/ids.ts';
import { campaignChanged, kick, type Opening, release, retry } from './workflows/messages.ts';
import type { Log } from './world.ts';

export interface TemporalAddress {
  connectionOptions: ConnectionOptions;
  namespace: string;
}

/** A start or signal that takes longer has failed: the relay, or the sender, comes again. */
const callTimeoutMs = 5_000;

/** A worker answers an update in a moment, unless none is there. */
const answerWithinMs = 15_000;

/** What became of something that was asked of a run. */
export type Answer<T> =
  | { ended: 'answered'; value: T }
  /** The run refused it, in these words. */
  | { ended: 'rejected'; why: string }
  /** No worker answered in time; it may still be done. */
  | { ended: 'unanswered' }
  /** Temporal was not reached: it was not done. */
  | { ended: 'away' };

/** At most one kick of a story in this time, for a tenant and process. */
const kickEveryMs = 1_000;

/** What is reconciled: one campaign, or a day of the tenant's calendar; and for whom it is repaired. */
export type Reconciling = { tenant: string; repairing?: Acting } & (
  | { campaignId: string; date?: never }
  | { date: string; campaignId?: never }
);

export type Starts = ReturnType<typeof createStarts>;

/**
 * Every way into Temporal from outside a workflow. Connects at the first call, so that a gateway can
 * come up, and take webhooks, while Temporal is away.
 */
export function createStarts(address: TemporalAddress, log: Log) {
  const connection = Connection.lazy(address.connectionOptions);
  const client = new Client({ connection, namespace: address.namespace });
  const call = <T>(work: () => Promise<T>): Promise<T> =>
    client.withDeadline(Date.now() + callTimeoutMs, work);

  async function keepSchedule(schedule: ScheduleOptions): Promise<void> {
    try {
      await call(() => client.schedule.create(schedule));
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const { timezone } = schedule.spec;
      const handle = client.schedule.getHandle(schedule.scheduleId);
      if (
        timezone === undefined ||
        (await call(() => handle.describe())).spec.timezone === timezone
      ) {
        return;
      }
      await call(() => handle.update((known) => ({ ...known, spec: schedule.spec })));
    }
  }

  const kicksOf = (story: 'settlement' | 'grants', summary: (tenant: string) => string) =>
    createThrottle(kickEveryMs, async (tenant) => {
      try {
        await call(() =>
          client.workflow.signalWithStart(story, {
            ...sleeper,
            workflowId: workflowId[story](tenant),
            args: [{ tenant }],
            signal: kick,
            typedSearchAttributes: attributesOf({ tenant }),
            priority: { priorityKey: 4, fairnessKey: fairnessKey(tenant) },
            staticSummary: summary(tenant),
          }),
        );
      } catch (error) {
        // The debt stands in the ledger: the relay kicks again within a minute.
        log.warn({ tenant, error: messageOf(error) }, `${story} could not be kicked`);
      }
    });
  const settlementKicks = kicksOf('settlement', (tenant) => `Settles what is owed to ${tenant}`);
  const grantKicks = kicksOf('grants', (tenant) => `Gives what events 11 tell of ${tenant}`);

  return {
    /**
     * Starts the run of a campaign, or leaves the running one alone; the ledger decides what a repeat
     * does. With the ledger away the announcement travels with the start.
     */
    async startCampaign(
      id: CampaignId,
      facts: { deadline?: number; announcement?: Announcement } = {},
    ): Promise<void> {
      const { deadline, announcement } = facts;
      await call(() =>
        client.workflow.start('campaign', {
          ...campaignRun(id, deadline),
          args: [announcement ? { ...id, announcement } : id],
        }),
      );
    },

    /** Asks the run of a campaign to go on after a hold; starts one where it is gone. */
    releaseCampaign(id: CampaignId, releasing: Releasing): Promise<Answer<Refusal | null>> {
      return answered(() =>
        client.withDeadline(Date.now() + answerWithinMs, () =>
          client.workflow.executeUpdateWithStart(release, {
            args: [releasing],
            updateId: releasing.request,
            startWorkflowOperation: new WithStartWorkflowOperation('campaign', {
              ...campaignRun(id),
              args: [id],
            }),
          }),
        ),
      );
    },

    /** Starts a run that opens the campaign again, and says how it opened; a running one refuses. */
    retryCampaign(id: CampaignId, acting: Acting): Promise<Answer<Opening>> {
      return answered(() =>
        client.withDeadline(Date.now() + answerWithinMs, () =>
          client.workflow.executeUpdateWithStart(retry, {
            args: [acting],
            updateId: acting.request,
            startWorkflowOperation: new WithStartWorkflowOperation('campaign', {
              ...campaignRun(id),
              args: [{ ...id, retry: acting }],
            }),
          }),
        ),
      );
    },

    /** Tells the run, if there is one, to read its standing in the ledger anew. */
    async signalCampaign(id: CampaignId): Promise<void> {
      try {
        await call(() =>
          client.workflow.getHandle(workflowId.campaign(id)).signal(campaignChanged),
        );
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },

    /**
     * Starts what takes back a fenced campaign's promotions. For a deleted one its first act is the
     * fence, which an operator's cancel has set.
     */
    async startCancellation(id: CampaignId, by: 'deleted' | 'operator' = 'deleted'): Promise<void> {
      await call(() =>
        client.workflow.start('cancellation', {
          ...waker,
          workflowId: workflowId.cancellation(id),
          args: [by === 'operator' ? { ...id, by } : id],
          typedSearchAttributes: attributesOf(id),
          priority: { priorityKey: 1, fairnessKey: fairnessKey(id.tenant) },
          staticSummary: `Takes back campaign ${id.campaignId} of ${id.tenant}`,
        }),
      );
    },

    /** Starts what follows once a campaign has been sent through a channel, or leaves its run alone. */
    async startFulfilment(id: CampaignId & { channel: string }): Promise<void> {
      await call(() =>
        client.workflow.start('fulfilment', {
          ...waker,
          workflowId: workflowId.fulfilment(id),
          args: [id],
          typedSearchAttributes: attributesOf(id),
          priority: { priorityKey: 3, fairnessKey: fairnessKey(id.tenant) },
          staticSummary: `What follows on the sending of campaign ${id.campaignId} of ${id.tenant}`,
        }),
      );
    },

    /** Wakes, or starts, a tenant's settlement, at most once a second; never throws. */
    kickSettlement: (tenant: string): void => settlementKicks.kick(tenant),

    /** The same of a tenant's grants. */
    kickGrants: (tenant: string): void => grantKicks.kick(tenant),

    /**
     * Sees to it that what is done by the clock is done for these tenants: each schedule is made once, and follows
     * its tenant's zone. Never throws: it is called again in a while.
     */
    async keepSchedules(tenants: Iterable<Scheduled>): Promise<void> {
      for (const tenant of tenants) {
        for (const schedule of [hourly(tenant), everyNight(tenant)]) {
          try {
            await keepSchedule(schedule);
          } catch (error) {
            const facts = { tenant: tenant.tenant, error: messageOf(error) };
            log.warn(facts, 'a schedule could not be made');
          }
        }
      }
    },

    /**
     * Starts a reconciliation of one campaign, or of a day, or joins the one that is under way. Returns the run that
     * goes on now.
     */
    async startReconciliation(of: Reconciling): Promise<string> {
      const { tenant, campaignId } = of;
      const subject = of.campaignId ?? of.date;
      const handle = await call(() =>
        client.workflow.start('reconciliation', {
          ...sleeper,
          workflowId: workflowId.reconciliation(tenant, subject),
          args: [of],
          typedSearchAttributes: attributesOf({ tenant, ...(campaignId && { campaignId }) }),
          priority: { priorityKey: 4, fairnessKey: fairnessKey(tenant) },
          staticSummary: `Reconciles ${subject} of ${tenant}`,
        }),
      );
      return handle.firstExecutionRunId;
    },

    /** What is missing of Temporal, in words; undefined when all is there. */
    async missing(): Promise<string | undefined> {
      try {
        const namespace = address.namespace;
        const known = await call(() =>
          connection.operatorService.listSearchAttributes({ namespace }),
        );
        const missing = Object.values(searchAttributeKeys)
          .map(({ name }) => name)
          .filter((name) => !(name in known.customAttributes));
        return missing.length > 0
          ? `Temporal does not know the search attributes ${missing.join(', ')}`
          : undefined;
      } catch (error) {
        return `Temporal does not answer: ${messageOf(error)}`;
      }
    },

    async stop(): Promise<void> {
      settlementKicks.stop();
      grantKicks.stop();
      await connection.close();
    },
  };
}

const common = {
  taskQueue,
  workflowIdConflictPolicy: 'USE_EXISTING',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
} as const;
/** A worker that died must not cost a campaign more than two seconds. */
const waker = { ...common, workflowTaskTimeout: '2s' } as const;
const sleeper = { ...common, workflowTaskTimeout: '10s' } as const;

function campaignRun(id: CampaignId, deadline?: number) {
  return {
    ...waker,
    workflowId: workflowId.campaign(id),
    typedSearchAttributes: attributesOf(id, deadline),
    priority: { priorityKey: urgency(deadline), fairnessKey: fairnessKey(id.tenant) },
    staticSummary: `Campaign ${id.campaignId} of ${id.tenant}`,
  };
}

async function answered<T>(asking: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ended: 'answered', value: await asking() };
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      return { ended: 'rejected', why: messageOf(error.cause ?? error) };
    }
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return { ended: 'unanswered' };
    if (error instanceof ServiceError || isGrpcServiceError(error)) return { ended: 'away' };
    throw error;
  }
}

/** 1 goes first, 5 last; 3 is Temporal's own default. */
function urgency(deadline: number | undefined): number {
  if (deadline === undefined) return 3;
  const leftMs = deadline - Date.now();
  if (leftMs < 3_600_000) return 2;
  return leftMs < 6 * 3_600_000 ? 3 : 4;
}

/** A fairness key takes 64 bytes, as long as a tenant's name may be. */
function fairnessKey(tenant: string): string {
  return tenant.slice(0, 64);
}

/** Runs `act` at once, and again after `everyMs` where it was asked for meanwhile; one name at a time. */
function createThrottle(everyMs: number, act: (name: string) => Promise<void>) {
  const resting = new Map<string, { timer: NodeJS.Timeout; again: boolean }>();
  function run(name: string): void {
    void act(name);
    const timer = setTimeout(() => {
      const again = resting.get(name)?.again;
      resting.delete(name);
      if (again) run(name);
    }, everyMs).unref();
    resting.set(name, { timer, again: false });
  }
  return {
    kick(name: string): void {
      const rest = resting.get(name);
      if (rest) rest.again = true;
      else run(name);
    },
    stop(): void {
      for (const { timer } of resting.values()) clearTimeout(timer);
      resting.clear();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
