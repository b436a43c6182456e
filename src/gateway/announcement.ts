import { type Announcement, instantsOf } from '../domain/campaign.ts';
import type { HookEvent } from '../wire/events.ts';

export type OpenedEvent = Extract<HookEvent, { kind: 'opened' }>;

/** What event 5 says, in the domain's words. Without a readable TimeStamp its arrival counts. */
export function announcementOf(
  event: OpenedEvent,
  rules: { clearanceMarginMs: number },
  receivedAt: number,
): Announcement {
  return {
    announcedAt: event.sentAt ?? receivedAt,
    durationDays: event.durationDays,
    instants: instantsOf(event.deadline, rules),
    problem: undefined,
  };
}

/** An event 5 without a usable deadline; older than any other, so that a good one always counts. */
export function unusableAnnouncement(problem: string): Announcement {
  return { announcedAt: 0, durationDays: undefined, instants: undefined, problem };
}
