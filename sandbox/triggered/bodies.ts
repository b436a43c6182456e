import type { Campaign } from '../campaign.ts';
import { attributeOf, type Population } from '../population.ts';
import type { ChecksOptions, EventsOptions, TriggeredOptions } from './options.ts';

const USER = '\u0001user';

type Spelling = Pick<ChecksOptions, 'codesAs' | 'fieldsAs' | 'idsAs'>;

/**
 * Writes the gate's question of API §9.2. All of it but the customer is the same for every check of
 * a spelling, and is written once.
 */
export function createQuestions(
  campaignId: string,
  options: TriggeredOptions,
  { codesAs, fieldsAs, idsAs }: Spelling,
) {
  const written = new Map<number, [string, string]>();
  return (count: number, userId: string, isVisitor: boolean): string => {
    const isComma = codesAs === 'comma' || (codesAs === 'mixed' && count % 2 === 1);
    const isCapital = fieldsAs === 'capital' || (fieldsAs === 'mixed' && count % 4 >= 2);
    const isNumber = idsAs === 'number' || (idsAs === 'mixed' && count % 8 >= 4);
    const variant =
      (isComma ? 1 : 0) + (isCapital ? 2 : 0) + (isNumber ? 4 : 0) + (isVisitor ? 8 : 0);
    let parts = written.get(variant);
    if (parts === undefined) {
      parts = partsOf(campaignId, options, variant);
      written.set(variant, parts);
    }
    return parts[0] + JSON.stringify(userId) + parts[1];
  };
}

/** What stands before and behind the customer in one of the sixteen spellings. */
function partsOf(
  campaignId: string,
  options: TriggeredOptions,
  variant: number,
): [head: string, tail: string] {
  const [isComma, isCapital, isNumber, isVisitor] = [1, 2, 4, 8].map((bit) => (variant & bit) > 0);
  const body = question(
    campaignId,
    options,
    isVisitor === true,
    isNumber === true,
    isComma === true,
  );
  const text = JSON.stringify(isCapital ? capitalize(body) : body);
  const [head = '', tail = ''] = text.split(JSON.stringify(USER));
  return [head, tail];
}

/** Is this, to the letter, a question that the gate may have been asked about this customer? */
export function isQuestion(
  campaignId: string,
  options: TriggeredOptions,
  asked: { userId: string; isVisitor: boolean },
  text: string,
): boolean {
  for (let variant = asked.isVisitor ? 8 : 0; variant < (asked.isVisitor ? 16 : 8); variant += 1) {
    const [head, tail] = partsOf(campaignId, options, variant);
    if (text === head + JSON.stringify(asked.userId) + tail) return true;
  }
  return false;
}

function question(
  campaignId: string,
  { seriesId, notes, tags, action, codes, channels }: TriggeredOptions,
  isVisitor: boolean,
  isNumber: boolean,
  isComma: boolean,
) {
  return {
    user: { user_id: USER, is_visitor: isVisitor },
    campaign: {
      id: isNumber ? Number(campaignId) : campaignId,
      series_id: isNumber ? seriesId : String(seriesId),
      notes,
      tags,
      action: {
        id: action.id,
        name: action.name,
        promo_codes: codes.length === 0 ? null : isComma ? codes.join(',') : codes,
        channels: channels.map(({ id, name, brandId, templates }) => ({
          id,
          name,
          brand_id: brandId,
          templates,
        })),
      },
    },
  };
}

/**
 * Writes the payload of event 11 (API §5.7): its names begin with small letters, and receivers have
 * met the codes as an array and as one text.
 */
export function createEventWriter(
  campaign: Campaign,
  options: TriggeredOptions,
  { codesAs, fieldsAs, payload }: EventsOptions,
) {
  const [channel] = options.channels;
  return (told: EventTold): string => {
    const { count, index, userId, isVisitor, timeStamp } = told;
    const isComma = codesAs === 'comma' || (codesAs === 'mixed' && count % 2 === 1);
    const isCapital = fieldsAs === 'capital' || (fieldsAs === 'mixed' && count % 4 >= 2);
    const body = {
      eventTypeID: 11,
      timeStamp,
      campaignID: campaign.id,
      actionSerial: null,
      channelID: channel?.id,
      templateID: channel?.templates?.[0]?.id,
      customerID: userId,
      isVisitor,
      promoCode: isComma ? options.codes.join(',') : options.codes,
      notes: options.notes,
      attributes: attributesOf(campaign.population, options, index),
      eventParams: options.eventParams,
    };
    const laid = { ...(isCapital ? capitalizeFirst(body) : body), ...payload };
    const kept = Object.entries(laid).filter(([name]) => payload[name] !== null);
    return JSON.stringify(Object.fromEntries(kept));
  };
}

interface EventTold {
  count: number;
  /** -1: a stranger, of whom no attribute is known. */
  index: number;
  userId: string;
  isVisitor: boolean;
  timeStamp: string;
}

function attributesOf(population: Population, { attributes }: TriggeredOptions, index: number) {
  const known = attributes.map((name) => [
    name,
    index < 0 ? null : (attributeOf(population, index, name) ?? null),
  ]);
  return Object.fromEntries(known);
}

/** The names of the payload itself; those of attributes and parameters are the tenant's own. */
function capitalizeFirst(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [capital(name), value]));
}

function capitalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(capitalize);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [capital(name), capitalize(each)]),
  );
}

const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
