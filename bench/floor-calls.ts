import type { Reward } from '../src/domain/words.ts';
import { batchSize, keys } from './campaign-tenant.ts';
import { type FloorHttp, sign } from './floor-http.ts';

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

export interface Validated {
  contexts: { customerId: string; valid: boolean; reason?: string; effects: Reward[] }[];
}

export interface Allocated {
  results: { key: string; status: 'allocated' | 'declined'; reference?: string; reason?: string }[];
}

export interface FloorCampaign {
  campaignId: string;
  durationDays: number;
  /** When the rewards end, epoch milliseconds. */
  expiresAt: number;
}

/** What is given to whom; of a code that was looked up, with its promocode. */
export interface FloorGift {
  member: FloorMember;
  rewards: Reward[];
  of: FloorPromocode | undefined;
}

export type FloorCalls = ReturnType<typeof createFloorCalls>;

/** The calls of one campaign. */
export function createFloorCalls({ read, call }: FloorHttp, campaign: FloorCampaign) {
  const { campaignId, durationDays } = campaign;

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
        `/promotions/v1/promocodes/${promocodeId}/validateCustomers`,
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

    allocate: (given: readonly FloorGift[]) =>
      call(
        'allocate',
        '/platform/allocations',
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
            promocodeId: of?.promocodeId,
            promotionId: of?.promotionId,
          })),
        },
        sign,
        (text): Allocated => JSON.parse(text),
      ),

    report: (customers: readonly { customerId: string; approved: boolean }[]) =>
      call(
        'approve',
        '/optimove/Integrations/UpdateCustomerPromotionStatus',
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
