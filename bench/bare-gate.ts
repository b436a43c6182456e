import { createHmac, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import Fastify from 'fastify';
import { Pool } from 'undici';
import { keys, tenant } from './campaign-tenant.ts';

// What a gate costs at the least: one handler that asks both far sides for each check alone, and answers.
// Nothing is kept, nothing is pooled, nothing is looked at but what the next call needs.

const { values } = parseArgs({ options: { sandbox: { type: 'string', default: '' } } });
const base = new URL(values.sandbox);
const far = new Pool(base.origin, { connections: 1_024, pipelining: 1 });
const secret = Buffer.from(keys.platformSecret.replace(/^whsec_/, ''), 'base64');
const dayMs = 86_400_000;

/** What of a check the two calls need (API §9.2). */
interface Body {
  user: { user_id: string };
  campaign: {
    id: string;
    series_id: string;
    action: { id: number; promo_codes: string[] };
  };
}

async function post(path: string, headers: Record<string, string>, body: string) {
  const answer = await far.request({
    method: 'POST',
    path: `/${tenant}${path}`,
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}: ${text}`);
  return JSON.parse(text);
}

interface Looked {
  items: [{ promocodeId: string; promotionId: string }];
}

const promocodes = new Map<string, Promise<{ promocodeId: string; promotionId: string }>>();

async function look(code: string) {
  const answer = await far.request({
    method: 'GET',
    path: `/${tenant}/promotions/v1/promocodes?code=${code}`,
    headers: { 'x-api-key': keys.promotions },
  });
  const { items }: Looked = JSON.parse(await answer.body.text());
  return items[0];
}

function promocodeOf(code: string) {
  const found = promocodes.get(code) ?? look(code);
  promocodes.set(code, found);
  return found;
}

/** As Standard Webhooks asks (platform contract). */
function sign(body: string): Record<string, string> {
  const id = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const digest = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`);
  return {
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${digest.digest('base64')}`,
  };
}

async function decide({ user, campaign }: Body): Promise<boolean> {
  const customerId = user.user_id;
  const [promoCode = ''] = campaign.action.promo_codes;
  const { promocodeId, promotionId } = await promocodeOf(promoCode);
  const validated = await post(
    `/promotions/v1/promocodes/${promocodeId}/validateCustomers`,
    { 'x-api-key': keys.promotions },
    JSON.stringify({
      contexts: [{ customerId }],
      campaignData: {
        campaignId: Number(campaign.id),
        occurrenceId: campaign.id,
        isTriggered: true,
      },
    }),
  );
  const [context] = validated.contexts;
  if (!context?.valid) return false;
  const effects: { rewardType: string }[] = context.effects;
  const body = JSON.stringify({
    campaignId: campaign.id,
    campaign: { id: campaign.id, kind: 'triggered', seriesId: campaign.series_id },
    allocations: [
      {
        key: `${campaign.id}/${customerId}/${promoCode}/0`,
        customerId,
        promoCode,
        rewards: effects.map(({ rewardType: _, ...reward }) => reward),
        expiresAt: new Date(Date.now() + 7 * dayMs).toISOString(),
        actionId: String(campaign.action.id),
        promocodeId,
        promotionId,
      },
    ],
  });
  const allocated = await post('/platform/allocations', sign(body), body);
  return allocated.results[0]?.status === 'allocated';
}

const app = Fastify();
app.post<{ Body: Body }>('/gate', async ({ body }) => {
  const allowed = await decide(body).catch(() => false);
  return { user_id: body.user.user_id, allowed };
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
console.log(`bare gate at ${url}`);
process.once('SIGTERM', () => process.exit(0));
