import { createHash, createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import type { EffectKind } from '../src/domain/effect.ts';
import { keys } from './campaign-tenant.ts';

/** A call that changes something, its body built. */
export interface FloorCall<A> {
  kind: EffectKind;
  /** The digest of the body, which the ledger keeps and nobody else needs. */
  hash(): string;
  send(): Promise<A>;
}

export type FloorHttp = ReturnType<typeof createFloorHttp>;

/** A tenant's far sides at the sandbox. A call that is not answered by a success throws. */
export function createFloorHttp(sandboxUrl: string, tenant: string) {
  const base = `${sandboxUrl}/${tenant}`;
  const dispatcher = new Agent();

  async function ask(path: string, headers: Record<string, string>, body?: Buffer) {
    const url = base + path;
    const method = body ? 'POST' : 'GET';
    const content = body && { 'content-type': 'application/json' };
    const options = { method, dispatcher, headers: { ...headers, ...content } } as const;
    const answer = await request(url, body ? { ...options, body } : options);
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}: ${text}`);
    return text;
  }

  return {
    /** What a far side tells; of questions with a list of customers, as a body. */
    async read<A>(far: 'optimove' | 'promotions', path: string, body?: unknown): Promise<A> {
      const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      return JSON.parse(await ask(`/${far}${path}`, { 'x-api-key': keys[far] }, bytes));
    },

    call<A>(
      kind: EffectKind,
      path: string,
      body: unknown,
      headersOf: (body: Buffer) => Record<string, string>,
      readAnswer: (text: string) => A,
    ): FloorCall<A> {
      const bytes = Buffer.from(JSON.stringify(body));
      return {
        kind,
        hash: () => createHash('sha256').update(bytes).digest('hex'),
        send: async () => readAnswer(await ask(path, headersOf(bytes), bytes)),
      };
    },
  };
}

const secret = Buffer.from(keys.platformSecret.replace(/^whsec_/, ''), 'base64');

/** As Standard Webhooks asks (platform contract). */
export function sign(body: Buffer): Record<string, string> {
  const id = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const digest = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body);
  return {
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${digest.digest('base64')}`,
  };
}
