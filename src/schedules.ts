import { type ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import { attributesOf, taskQueue, workflowId } from './workflows/ids.ts';

// What is done by the clock, as Temporal's schedules.

/** A tenant, and by which clock its days are counted. */
export interface Scheduled {
  tenant: string;
  timeZone: string;
}

const hourMs = 3_600_000;

/** By then the day before is over, wherever its campaigns ended in it. */
const nightlyHour = 4;

/** Every night, by the tenant's own clock. */
export function everyNight({ tenant, timeZone }: Scheduled): ScheduleOptions {
  const id = workflowId.reconciliation(tenant, 'nightly');
  return {
    scheduleId: id,
    spec: { calendars: [{ hour: nightlyHour, minute: 0 }], timezone: timeZone },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '12 hours' },
    action: {
      type: 'startWorkflow',
      workflowType: 'nightly',
      workflowId: id,
      args: [{ tenant }],
      taskQueue,
      typedSearchAttributes: attributesOf({ tenant }),
      staticSummary: `Reconciles the day before of ${tenant}`,
    },
  };
}

/** Every hour from now on; a run that has not ended lets the next one fall out. */
export function hourly({ tenant }: Scheduled): ScheduleOptions {
  return {
    scheduleId: workflowId.poll(tenant),
    spec: { intervals: [{ every: hourMs, offset: Date.now() % hourMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    action: {
      type: 'startWorkflow',
      workflowType: 'poll',
      workflowId: workflowId.poll(tenant),
      args: [{ tenant }],
      taskQueue,
      typedSearchAttributes: attributesOf({ tenant }),
      staticSummary: `Looks for sendings that ${tenant} was not told of`,
    },
  };
}
