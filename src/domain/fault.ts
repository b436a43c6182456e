/**
 * Bad news of a far side that is not an outcome.
 *
 * - `not_sent`      the far side surely did nothing (never connected, permit over, refused by 429)
 * - `unknown`       sent, but no answer we can trust: it may have acted
 * - `refused`       it said no to this very request (400, 404, 409, 422): a repeat would hear the same
 * - `too_large`     it said no to the size (413)
 * - `unauthorized`  it does not know our key (401, 403)
 * - `malformed`     it answered in a form we do not understand: never taken for a yes
 */
export type FaultKind =
  | 'not_sent'
  | 'unknown'
  | 'refused'
  | 'too_large'
  | 'unauthorized'
  | 'malformed';

export interface FaultFacts {
  status?: number;
  /** Milliseconds the far side asked us to wait (`Retry-After` of a 429 or 503). */
  retryAfterMs?: number;
  cause?: unknown;
}

/** Thrown by adapters; stages and activities tell its kinds apart. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: FaultKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(kind: FaultKind, message: string, facts: FaultFacts = {}) {
    super(message, { cause: facts.cause });
    this.kind = kind;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
