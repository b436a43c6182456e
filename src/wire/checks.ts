/** What Optimove asks the gate (API §9.2), read once. */
import type { Check } from '../domain/check.ts';
import {
  caseless,
  isObject,
  readBoolean,
  readCodes,
  readId,
  readPlainId,
  readText,
} from './atoms.ts';

/** More codes than any action has; each would be a call of its own. */
const mostCodes = 100;

/**
 * Reads the JSON body of a check: names in any casing, ids as text or number, codes as null, a list, or
 * one text. `undefined` where what the answer hangs on is not understood (who, whether a visitor, which
 * campaign, which codes): a code overlooked would be a yes without a reward. The rest is left out then.
 */
export function readCheck(body: unknown): Check | undefined {
  const parts = fieldsOf(body);
  const user = fieldsOf(parts?.['user']);
  const campaign = fieldsOf(parts?.['campaign']);
  const action = fieldsOf(campaign?.['action']);
  const userId = readId(user?.['user_id']);
  const isVisitor = readBoolean(user?.['is_visitor']);
  const campaignId = readPlainId(campaign?.['id']);
  const promoCodes = action && readCodes(action['promo_codes']);
  if (userId === undefined || isVisitor === undefined || campaignId === undefined) return undefined;
  if (promoCodes === undefined || promoCodes.length > mostCodes) return undefined;

  const channels = listOf(action?.['channels']).map(readChannel);
  const check: Check = { userId, isVisitor, campaignId, promoCodes, channels };
  const seriesId = readId(campaign?.['series_id']);
  const notes = readText(campaign?.['notes']);
  const tags = listOf(campaign?.['tags']).flatMap((tag) => readText(tag) ?? []);
  const named = readNamed(action ?? {});
  if (seriesId !== undefined) check.seriesId = seriesId;
  if (notes !== undefined) check.notes = notes;
  if (tags.length > 0) check.tags = tags;
  if (named.id !== undefined || named.name !== undefined) check.action = named;
  return check;
}

function readChannel(value: unknown): Check['channels'][number] {
  const fields = fieldsOf(value) ?? {};
  const brandId = readId(fields['brand_id']);
  return {
    ...readNamed(fields),
    ...(brandId !== undefined && { brandId }),
    templates: listOf(fields['templates']).map((each) => readNamed(fieldsOf(each) ?? {})),
  };
}

function readNamed(fields: Record<string, unknown>): { id?: string; name?: string } {
  const id = readId(fields['id']);
  const name = readText(fields['name']);
  return { ...(id !== undefined && { id }), ...(name !== undefined && { name }) };
}

function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  return isObject(value) ? caseless(value) : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
