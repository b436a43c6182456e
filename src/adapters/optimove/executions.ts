import { caseless, isObject, readPlainId, readText } from '../../wire/atoms.ts';
import { readLocalTime } from '../../wire/local-time.ts';
import type { ExecutedCampaign, ExecutionPage } from '../../world.ts';
import { readAudience } from './audience.ts';
import { readDetails } from './details.ts';

/**
 * Rows of GetCustomerExecutionDetailsByCampaign (API §6.3): read as an audience is, with the latest time for
 * which they were scheduled, in the tenant's zone.
 */
export function readExecutions(rows: readonly unknown[], zone: string): ExecutionPage {
  // Thousands of rows share a time: each is read once.
  const times = new Set(rows.filter(isObject).map(scheduleOf));
  let scheduledAt: number | undefined;
  for (const time of times) {
    const read = readLocalTime(time, zone);
    if ('instant' in read) scheduledAt = Math.max(scheduledAt ?? read.instant, read.instant);
  }
  return { ...readAudience(rows), scheduledAt };
}

/** Both names are in use (API §6.3). */
function scheduleOf(row: Record<string, unknown>): unknown {
  const time = row['ScheduleTime'] ?? row['ScheduledTime'];
  if (time !== undefined) return time;
  const { scheduletime, scheduledtime } = caseless(row);
  return scheduletime ?? scheduledtime;
}

/** What GetExecutedCampaignDetails says of a campaign that was sent (API §6.1, §6.5). */
const successful = 'successful';

/** GetExecutedCampaignDetails (API §6.5). A row without an id says nothing, and is left out. */
export function readExecutedCampaigns(rows: readonly unknown[]): ExecutedCampaign[] {
  return rows.filter(isObject).flatMap((row) => {
    const { campaignid, status } = caseless(row);
    const campaignId = readPlainId(campaignid);
    if (campaignId === undefined) return [];
    const succeeded = readText(status)?.trim().toLowerCase() === successful;
    return [{ campaignId, succeeded, details: readDetails(row) }];
  });
}
