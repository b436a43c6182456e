import { createHash, createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import type { EffectKind } from '../src/domain/effect.ts';
import type { Reward } from '../src/domain/words.ts';
import { batchSize, keys } from './campaign-tenant.ts';

// The calls of a campaign as plainly as they can be made: a body, a request, JSON.parse. No look at
// what comes back but what the next call needs; the floors are meant to be hard to reach.

/** One row of the audience (API §6.2). */
export interface Row {
  CustomerID: string;
  ActionID: number | string;
  PromoCode: string | null;
}

/** One customer and code; the members of one customer stand side by side. */
export interface FloorMember {
  position: number;
  customerId: string;
  promoCode: string;
  actionId: string | undefined;
}

export interface FloorPromocode {
  promocodeId: string;
  promotionId: string;
}

/** A call that changes something, its body built. */
export interface FloorCall<A> {
  kind: EffectKind;
  /** The digest of the body, which the ledger keeps and nobody else needs. */
  hash(): string;
  send(): Promise<A>;
}

export interface Validated {
  contexts: { customerId: string; valid: boolean; reason?: string; effects: Reward[] }[];
}

export interface Allocated {
  results: { key: string; status: 'allocated' | 'declined'; reference?: string; reason?: string }[];
}

export interface FloorCampaign {
  tenant: string;
  campaignId: string;
  durationDays: number;
  /** When the rewards end, epoch milliseconds. */
  expiresAt: number;
}

export type FloorCalls = ReturnType<typeof createFloorCalls>;

/** The far sides of one campaign at the sandbox. A call that is not answered by a success throws. */
export function createFloorCalls(sandboxUrl: string, campaign: FloorCampaign) {
  const { campaignId, durationDays } = campaign;
  const base = `${sandboxUrl}/${campaign.tenant}`;
  const dispatcher = new Agent();

  async function ask(url: string, headers: Record<string, string>, body?: Buffer) {
    const method = body ? 'POST' : 'GET';
    const content = body && { 'content-type': 'application/json' };
    const options = { method, dispatcher, headers: { ...headers, ...content } } as const;
    const answer = await request(url, body ? { ...options, body } : options);
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}: ${text}`);
    return text;
  }

  async function read<A>(far: 'optimove' | 'promotions', path: string): Promise<A> {
    return JSON.parse(await ask(`${base}/${far}${path}`, { 'x-api-key': keys[far] }));
  }

  function call<A>(
    kind: EffectKind,
    url: string,
    body: unknown,
    headersOf: (body: Buffer) => Record<string, string>,
    readAnswer: (text: string) => A,
  ): FloorCall<A> {
    const bytes = Buffer.from(JSON.stringify(body));
    return {
      kind,
      hash: () => createHash('sha256').update(bytes).digest('hex'),
      send: async () => readAnswer(await ask(url, headersOf(bytes), bytes)),
    };
  }

  return {
    details: () =>
      read<unknown>('optimove', `/Actions/GetCampaignDetails?CampaignID=${campaignId}`),

    page: (skip: number) =>
      read<Row[]>(
        'optimove',
        `/Customers/GetProcessedCampaignCustomers?CampaignID=${campaignId}&$top=${batchSize}&$skip=${skip}`,
      ),

    async promocode(code: string): Promise<FloorPromocode> {
      const { items } = await read<{ items: FloorPromocode[] }>(
        'promotions',
        `/v1/promocodes?code=${code}`,
      );
      const found = items[0];
      if (!found) throw new Error(`The sandbox does not know the promo code ${code}`);
      return found;
    },

    validate: ({ promocodeId }: FloorPromocode, members: readonly FloorMember[]) =>
      call(
        'validate',
        `${base}/promotions/v1/promocodes/${promocodeId}/validateCustomers`,
        {
          contexts: members.map(({ customerId }) => ({ customerId })),
          campaignData: {
            campaignId: Number(campaignId),
            occurrenceId: campaignId,
            isTriggered: false,
          },
        },
        () => ({ 'x-api-key': keys.promotions }),
        readValidated,
      ),

    allocate: (given: readonly { member: FloorMember; rewards: Reward[]; of: FloorPromocode }[]) =>
      call(
        'allocate',
        `${base}/platform/allocations`,
        {
          campaignId,
          campaign: { id: campaignId, kind: 'scheduled', durationDays, channelIds: ['504'] },
          allocations: given.map(({ member, rewards, of }) => ({
            key: keyOf(campaignId, member),
            customerId: member.customerId,
            promoCode: member.promoCode,
            rewards,
            expiresAt: new Date(campaign.expiresAt).toISOString(),
            actionId: member.actionId,
            promocodeId: of.promocodeId,
            promotionId: of.promotionId,
          })),
        },
        sign,
        (text): Allocated => JSON.parse(text),
      ),

    report: (customers: readonly { customerId: string; approved: boolean }[]) =>
      call(
        'approve',
        `${base}/optimove/Integrations/UpdateCustomerPromotionStatus`,
        {
          TimeStamp: new Date().toISOString().slice(0, 19).replace('T', ' '),
          CampaignID: Number(campaignId),
          PromosUpdated: customers.map(({ customerId, approved }) => ({
            CustomerID: customerId,
            Status: approved,
          })),
        },
        () => ({ 'x-api-key': keys.optimove }),
        () => undefined,
      ),
  };
}

interface AnsweredValidation {
  contexts: (Omit<Validated['contexts'][number], 'effects'> & {
    effects: (Reward & { rewardType: string })[];
  })[];
}

/** The rewards as the platform is told of them. */
function readValidated(text: string): Validated {
  const answer: AnsweredValidation = JSON.parse(text);
  return {
    contexts: answer.contexts.map(({ effects, ...context }) => ({
      ...context,
      effects: effects.map(({ rewardType: _, ...reward }) => reward),
    })),
  };
}

export function keyOf(campaignId: string, { customerId, promoCode }: FloorMember): string {
  return `${campaignId}/${customerId}/${promoCode}/0`;
}

const secret = Buffer.from(keys.platformSecret.replace(/^whsec_/, ''), 'base64');

/** As Standard Webhooks asks (platform contract). */
function sign(body: Buffer): Record<string, string> {
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
