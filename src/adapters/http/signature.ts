import { createHmac } from 'node:crypto';

/**
 * The headers that sign a body under an id as Standard Webhooks, for now. By Node's own HMAC: the
 * specification's library hashes in JavaScript, which held the event loop for 27 ms a body of 10,000
 * allocations where this takes 1.5 ms; a test lets the library verify what is signed here.
 */
export function signatureOf(secret: string, id: string, body: Buffer): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const digest = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${digest.digest('base64')}`,
  };
}
