import type { CampaignDetails } from '../../domain/campaign.ts';
import { caseless, isObject, readDays, readId, readNumber } from '../../wire/atoms.ts';

/** GetCampaignDetails (API §6.1). What is missing or cannot be read is left out: it never blocks. */
export function readDetails(answer: Record<string, unknown>): CampaignDetails {
  const fields = caseless(answer);
  const details: CampaignDetails = {};
  const durationDays = readDays(fields['duration']);
  const leadTimeDays = readDays(fields['leadtime']);
  const targeted = readNumber(fields['testgroupsize']);
  const notes = fields['notes'];
  if (durationDays !== undefined) details.durationDays = durationDays;
  if (leadTimeDays !== undefined) details.leadTimeDays = leadTimeDays;
  if (targeted !== undefined && targeted >= 0) details.targeted = targeted;
  if (typeof notes === 'string' && notes !== '') details.notes = notes;
  if (Array.isArray(fields['tags'])) details.tags = readIds(fields['tags']);
  if (Array.isArray(fields['channels'])) details.channelIds = readIds(fields['channels']);
  return details;
}

/** Each element is an id, or an object that holds one. */
function readIds(list: readonly unknown[]): string[] {
  const ids = list.map((each) => {
    if (!isObject(each)) return readId(each);
    const fields = caseless(each);
    return readId(fields['id'] ?? fields['channelid']);
  });
  return ids.filter((id) => id !== undefined);
}
