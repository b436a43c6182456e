/** Building blocks of the tenant file's schema. Their messages never hold the value: it may be a secret. */
import { z } from 'zod';

/** A key of the design whose story is not built yet: refused in words when it is given. */
export function notBuilt(story: string) {
  return z.never({ error: `not built yet: ${story}` }).optional();
}

/** One of these words. */
export function choice<const T extends string>(words: readonly T[]) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` });
}

/** A key or token as a header or a bearer can carry it. */
export const secret = z
  .string({ error: 'must be a text' })
  .regex(/^[\x21-\x7e]+$/, 'must be printable, without blanks, and not empty');

/** The address of a far side; it may carry a path, to which documented paths are appended. */
export const baseUrl = z.string({ error: 'must be an address' }).refine(isBaseUrl, {
  error: 'must be an http:// or https:// address without user, query and fragment',
});

function isBaseUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return url.search === '' && url.hash === '' && url.username === '' && url.password === '';
}

/** A whole address, to which nothing is appended; it may carry a query. */
export const hookUrl = z.string({ error: 'must be an address' }).refine(isHookUrl, {
  error: 'must be an http:// or https:// address without user and fragment',
});

function isHookUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return url.hash === '' && url.username === '' && url.password === '';
}

/** A whole number within limits. */
export function count(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

/** A plain text, not empty. */
export const text = z.string({ error: 'must be a text' }).min(1, 'must not be empty');

/** `{ requests: 50, perSeconds: 10 }`, as the domain writes it. */
export const rateLimit = z
  .strictObject({
    requests: count(1, 100_000),
    perSeconds: z
      .number({ error: 'must be a number of seconds' })
      .positive('must be above 0')
      .max(3_600, 'must be at most 3600'),
  })
  .transform(({ requests, perSeconds }) => ({ requests, perMs: perSeconds * 1_000 }));

/** An IANA time zone that this machine knows. */
export const timeZone = z.string({ error: 'must be a text' }).refine(isTimeZone, {
  error: 'must be an IANA time zone, such as Europe/Malta',
});

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
