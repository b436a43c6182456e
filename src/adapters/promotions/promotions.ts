import { Fault } from '../../domain/fault.ts';
import type { PromotionsSettings } from '../../domain/tenant.ts';
import type { Reward } from '../../domain/words.ts';
import { writeId } from '../../wire/atoms.ts';
import type { Promotions, RateLimit, RedemptionReport, Validation } from '../../world.ts';
import { malformed, readNothing } from '../http/answer.ts';
import {
  answerTimeoutMs,
  createEndpoint,
  type Dependencies,
  listTimeoutMs,
} from '../http/endpoint.ts';
import { readAwards } from './awards.ts';
import { readCode, readPromocode } from './promocodes.ts';
import { readValidation } from './validation.ts';

/** Most items in one page of Customer Assignment. */
const awardsPage = 10_000;

const awardsPath = '/v1/promotions/customerAssignments';

/** Most pages read for one question; 10,000 customers with a hundred codes each. */
const mostAwardPages = 100;

/** Most redemptions that one call may carry (API §10.7). */
const maxRedemptionsPerCall = 1_000;

/** Promotions (OptiPromo; API §10). Where its shapes are proposed, the sandbox agrees with them. */
export function createPromotions(
  settings: PromotionsSettings & { limit: RateLimit },
  deps: Dependencies,
): Promotions {
  const { baseUrl, limit, maxCustomersPerCall, recovery, unknownCodes } = settings;
  const headers = () => ({ 'x-api-key': settings.apiKey });
  const endpoint = createEndpoint({ farSide: 'promotions', baseUrl, headers, limit }, deps);

  return {
    maxCustomersPerCall,
    recovery,
    unknownCodes,

    promocode: (code, reading) =>
      endpoint.read(
        {
          name: 'promocodes',
          path: `/v1/promocodes?code=${encodeURIComponent(code)}`,
          timeoutMs: answerTimeoutMs,
          read: (answer, name) => readPromocode(answer, name, code),
        },
        reading,
      ),

    validate: (request) =>
      endpoint.call({
        name: 'validateCustomers',
        path: `/v1/promocodes/${encodeURIComponent(request.promocodeId)}/validateCustomers`,
        timeoutMs: answerTimeoutMs,
        body: writeValidation(request),
        read: (answer, name) => readValidation(answer, name, request.customerIds),
      }),

    async assignments(request, reading) {
      const { campaignId, promocodeId, customerIds } = request;
      const asked = new Set(customerIds);
      const found = new Map<string, Reward[]>();
      for (let page = 0; page < mostAwardPages; page += 1) {
        const skip = page * awardsPage;
        const { length, awards } = await endpoint.read(
          {
            name: 'customerAssignments',
            path: awardsPath,
            timeoutMs: answerTimeoutMs,
            body: { occurrenceId: campaignId, promocodeId, customerIds, skip, take: awardsPage },
            read: (answer, name) =>
              readAwards(
                answer,
                name,
                campaignId,
                (each) => each.promocodeId === promocodeId && asked.has(each.customerId),
              ),
          },
          reading,
        );
        for (const { customerId, rewards } of awards) found.set(customerId, rewards);
        // Everybody who was asked about is found: another page could only say so again.
        if (length < awardsPage || found.size === asked.size) return found;
      }
      throw malformed('promotions customerAssignments', 'the list has no end');
    },

    awards({ campaignId, skip, take }, reading) {
      if (take > awardsPage) throw new RangeError(`${take} awards in one page`);
      return endpoint.read(
        {
          name: 'customerAssignments',
          path: awardsPath,
          timeoutMs: listTimeoutMs,
          body: { occurrenceId: campaignId, skip, take },
          read: (answer, name) => readAwards(answer, name, campaignId),
        },
        reading,
      );
    },

    async codeOf(promocodeId, reading) {
      try {
        return await endpoint.read(
          {
            name: 'promocode',
            path: `/v1/promocodes/${encodeURIComponent(promocodeId)}`,
            timeoutMs: answerTimeoutMs,
            read: readCode,
          },
          reading,
        );
      } catch (error) {
        if (error instanceof Fault && error.status === 404) return undefined;
        throw error;
      }
    },

    redeem(redemptions) {
      if (redemptions.length > maxRedemptionsPerCall) {
        throw new RangeError(`${redemptions.length} redemptions in one call`);
      }
      return endpoint.call({
        name: 'redemptions',
        path: '/v1/promotions/redemptions',
        timeoutMs: answerTimeoutMs,
        body: { redemptions: redemptions.map(writeRedemption) },
        read: readNothing,
      });
    },
  };
}

/** What is not told is left out of the body, so that it says no more than there is to say. */
function writeValidation(request: Validation) {
  const { campaignId, seriesId, channelId, isTriggered = false, sessionProperties } = request;
  return {
    contexts: request.customerIds.map((customerId) => ({
      customerId,
      sessionProperties: sessionProperties?.get(customerId),
    })),
    campaignData: {
      campaignId: writeId(campaignId),
      occurrenceId: campaignId,
      seriesId,
      channelId: channelId === undefined ? undefined : writeId(channelId),
      isTriggered,
    },
  };
}

function writeRedemption(report: RedemptionReport) {
  const { redemptionId, promocodeId, promotionId, customerId, campaignId, seriesId } = report;
  return {
    redemptionId,
    promocodeId,
    promotionId,
    customerId,
    occurrenceId: campaignId,
    seriesId,
    code: report.rewards.find(({ code }) => code !== undefined)?.code,
    redeemedAt: new Date(report.redeemedAt).toISOString(),
    rewards: report.rewards.map(({ rewardTypeId, value }) => ({ rewardTypeId, value })),
  };
}
