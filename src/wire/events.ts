/** What Optimove posts to the webhook door (API §5.7), read once. */
import {
  caseless,
  isObject,
  readBoolean,
  readCodes,
  readDays,
  readId,
  readPlainId,
  readText,
  readValues,
} from './atoms.ts';
import { readLocalTime } from './local-time.ts';

/** Event types that are recorded and not acted on (API §5.4). */
export const recordedTypes = [2, 3, 14] as const;
export type RecordedType = (typeof recordedTypes)[number];

/** `sentAt` is the `TimeStamp` as an instant, where it can be read. */
export type HookEvent =
  | {
      kind: 'opened';
      type: 5;
      campaignId: string;
      /** ClearanceRequiredBy, epoch milliseconds. */
      deadline: number;
      durationDays: number | undefined;
      sentAt: number | undefined;
    }
  | { kind: 'deleted'; type: 4; campaignId: string; sentAt: number | undefined }
  | ExecutedEvent
  | TriggeredEvent
  | {
      kind: 'recorded';
      type: RecordedType;
      campaignId: string | undefined;
      channelId: string | undefined;
      sentAt: number | undefined;
    }
  | {
      kind: 'unknown';
      type: number;
      campaignId: string | undefined;
      sentAt: number | undefined;
    };

/**
 * A campaign was sent: through one channel (event 13), or through at least one (event 1), which names none
 * (API §5.4).
 */
export interface ExecutedEvent {
  kind: 'executed';
  type: 13 | 1;
  campaignId: string;
  channelId: string | undefined;
  sentAt: number | undefined;
}

/** A customer met the trigger of a campaign (event 11; API §5.4, §5.7). */
export interface TriggeredEvent {
  kind: 'triggered';
  type: 11;
  campaignId: string;
  /** A visitor's id where it is a visitor. */
  customerId: string;
  isVisitor: boolean;
  promoCodes: string[];
  notes: string | undefined;
  channelId: string | undefined;
  templateId: string | undefined;
  /** The customer's attributes and the values of the trigger's event, under names of the tenant's own. */
  attributes: Record<string, unknown> | undefined;
  event: Record<string, unknown> | undefined;
  sentAt: number | undefined;
}

/** A body that cannot be used says why, and whose it was as far as that can be read. */
export type EventReading =
  | { usable: true; event: HookEvent }
  | { usable: false; reason: string; type: number | undefined; campaignId: string | undefined };

/**
 * Reads the JSON body of a webhook. Keys match in any casing; numbers may be strings; a `TimeStamp` or
 * duration that cannot be read is left out. `zone` is the tenant's.
 */
export function readEvent(json: unknown, zone: string): EventReading {
  if (!isObject(json)) return unusable('it is not a JSON object');
  const fields = caseless(json);
  const eventType = readId(fields['eventtypeid']);
  if (eventType === undefined) return unusable('it has no EventTypeID');
  const type = Number(eventType);
  if (!Number.isSafeInteger(type)) return unusable('its EventTypeID is not a number');

  const campaignId = readPlainId(fields['campaignid']);
  const time = readLocalTime(fields['timestamp'], zone);
  const sentAt = 'instant' in time ? time.instant : undefined;
  const recorded = recordedTypes.find((each) => each === type);
  if (recorded !== undefined) {
    const channelId = readId(fields['channelid']);
    return usable({ kind: 'recorded', type: recorded, campaignId, channelId, sentAt });
  }
  if (type !== 1 && type !== 4 && type !== 5 && type !== 11 && type !== 13) {
    return usable({ kind: 'unknown', type, campaignId, sentAt });
  }

  if (campaignId === undefined) {
    const isMissing = readId(fields['campaignid']) === undefined;
    const reason = isMissing ? 'it has no CampaignID' : 'its CampaignID is not a plain id';
    return unusable(reason, type);
  }
  if (type === 11) return readTriggered(fields, campaignId, sentAt);
  if (type === 4) return usable({ kind: 'deleted', type, campaignId, sentAt });
  if (type === 1) {
    return usable({ kind: 'executed', type, campaignId, channelId: undefined, sentAt });
  }
  if (type === 13) return readExecuted(fields, campaignId, sentAt);
  const clearance = readLocalTime(fields['clearancerequiredby'], zone);
  if ('unreadable' in clearance) {
    const reason = `its ClearanceRequiredBy cannot be used: ${clearance.unreadable}`;
    return unusable(reason, type, campaignId);
  }
  const durationDays = readDays(fields['campaignduration']);
  const deadline = clearance.instant;
  return usable({ kind: 'opened', type, campaignId, deadline, durationDays, sentAt });
}

/** Without a channel it tells of all of them; with one that cannot be read it tells of none. */
function readExecuted(
  fields: Record<string, unknown>,
  campaignId: string,
  sentAt: number | undefined,
): EventReading {
  const told = fields['channelid'] ?? '';
  const channelId = readPlainId(told);
  if (channelId === undefined && told !== '') {
    return unusable('its ChannelID is not a plain id', 13, campaignId);
  }
  return usable({ kind: 'executed', type: 13, campaignId, channelId, sentAt });
}

/** What is not needed and cannot be read is left out (API §5.7: only customer, campaign and codes are). */
function readTriggered(
  fields: Record<string, unknown>,
  campaignId: string,
  sentAt: number | undefined,
): EventReading {
  const customerId = readId(fields['customerid']);
  const promoCodes = readCodes(fields['promocode']);
  const isVisitor = readBoolean(fields['isvisitor'] ?? false);
  if (customerId === undefined) return unusable('it has no customerID', 11, campaignId);
  if (promoCodes === undefined) return unusable('its promoCode is not understood', 11, campaignId);
  if (isVisitor === undefined) return unusable('its isVisitor is not understood', 11, campaignId);
  return usable({
    kind: 'triggered',
    type: 11,
    campaignId,
    customerId,
    isVisitor,
    promoCodes,
    notes: readText(fields['notes']),
    channelId: readId(fields['channelid']),
    templateId: readId(fields['templateid']),
    attributes: readValues(fields['attributes']),
    event: readValues(fields['eventparams']),
    sentAt,
  });
}

function usable(event: HookEvent): EventReading {
  return { usable: true, event };
}

function unusable(reason: string, type?: number, campaignId?: string): EventReading {
  return { usable: false, reason, type, campaignId };
}
