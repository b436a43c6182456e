import { hash } from 'node:crypto';
import { type Call, refuse } from '../call.ts';

/**
 * Demands an `Idempotency-Key` and that it always comes with the same body. A repeat is then simply
 * done again: every item's own key makes that harmless and its answer the same.
 */
export function checkIdempotency(call: Call, campaignId: string): void {
  const key = call.headers['idempotency-key'];
  if (typeof key !== 'string') refuse(400, 'Bad Request', 'Idempotency-Key is missing');
  const digest = hash('sha1', call.body, 'base64');
  const before = call.tenant.idempotency.get(key);
  if (before !== undefined && before !== digest) {
    call.tenant.violations.add('idempotency key reused', campaignId, '-', `${call.kind} ${key}`);
    refuse(422, 'Unprocessable Content', 'this Idempotency-Key came with another body');
  }
  call.tenant.idempotency.set(key, digest);
}
