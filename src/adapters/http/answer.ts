import type { z } from 'zod';
import { Fault, type FaultKind } from '../../domain/fault.ts';
import { caseless, isObject } from '../../wire/atoms.ts';
import type { Answer } from './exchange.ts';

/** The bad news in an answer's status; undefined for a success. */
export function faultOf(name: string, answer: Answer): Fault | undefined {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const retryAfterMs = readRetryAfter(answer.headers['retry-after']);
  const facts = { status, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return new Fault(kindOf(status), `${name}: answered ${status}`, facts);
}

function kindOf(status: number): FaultKind {
  if (status === 429) return 'not_sent';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 413) return 'too_large';
  // 408: the far side, or something before it, gave up waiting; what it had read by then is open.
  if (status === 408 || status >= 500) return 'unknown';
  return status >= 400 ? 'refused' : 'malformed';
}

/**
 * Whether a call that came to this was answered by the far side at all; undefined where it tells
 * nothing: it was never sent, or the far side only does not know our key.
 */
export function hasAnswered({ kind, status, cause }: Fault): boolean | undefined {
  switch (kind) {
    case 'refused':
    case 'too_large':
      return true;
    case 'unauthorized':
      return undefined;
    case 'not_sent':
      return status === undefined && cause === undefined ? undefined : false;
    case 'unknown':
    case 'malformed':
      return false;
  }
}

/** No far side stops us for longer than this, whatever it says. */
const longestWaitMs = 600_000;

/** Seconds or an HTTP date, as milliseconds from now. */
function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), longestWaitMs);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON of an answer. The parser's own message is dropped: it quotes the body. */
function readJson(name: string, answer: Answer): unknown {
  try {
    return JSON.parse(utf8.decode(answer.body));
  } catch {
    throw malformed(name, 'the answer is not JSON');
  }
}

/**
 * The JSON of an answer, its outer shape checked; what stands in its lists is read leniently by whoever
 * asked. A bare JSON string is an error message, whatever the status (API §3).
 */
export function readShape<A>(name: string, schema: z.ZodType<A>, answer: Answer): A {
  const result = schema.safeParse(readJson(name, answer));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformed(name, `${issue?.path.join('.') || 'the answer'}: ${issue?.message}`);
}

/** A writing call says nothing but its status: any 2xx, with or without a body, is a yes (API §3). */
export function readNothing(): void {}

/** What a writing call's answer tells besides, under lower-case names; nothing where it is no JSON object. */
export function readTold(answer: Answer): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(utf8.decode(answer.body));
    return isObject(body) ? caseless(body) : {};
  } catch {
    return {};
  }
}

/** An answer that we do not understand: never taken for a yes. */
export function malformed(name: string, what: string): Fault {
  return new Fault('malformed', `${name}: ${what}`);
}
