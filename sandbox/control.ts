/*
 * The control API, JSON in and out. {t} is a tenant, {id} a campaign.
 *
 * POST /control/{t}/campaigns                 campaignOptions (campaign.ts) → 201 {campaignId}
 * POST /control/{t}/campaigns/{id}/announce   {times?, parallel?, delayMs?, lost?, payload?, hookUrl?} → deliveries
 * POST /control/{t}/campaigns/{id}/reschedule the same and deadlineInSeconds | clearanceRequiredBy
 * POST /control/{t}/campaigns/{id}/cancel     as announce: event 4, list of canceled customers
 * POST /control/{t}/campaigns/{id}/execute    as announce and channelId?: event 13; with event: 1, event 1
 * GET  /control/{t}/campaigns/{id}/verdict    counts, calls, violations (verdict.ts)
 * GET  /control/{t}/campaigns/{id}/customers/{customerId}
 * GET  /control/{t}/hooks                     every hook sent and its answer
 * GET  /control/{t}/traffic                   calls by kind, 429, 401, faults that struck, arrivals, timeline
 * PUT  /control/{t}/faults                    {rules: [faultRule (faults.ts)], seed?}; [] ends them
 * PUT  /control/{t}/profile                   any of profileOptions (options.ts)
 * PUT  /control/{t}/latencies                 {optimove?, promotions?, publisher?, data?, platform?} in ms
 * PUT  /control/{t}/key                       {broken: boolean}: 401 for every key
 * PUT  /control/{t}/promotions/{code}         {state?, audienceCap?, rewardBudgets?}
 * Triggered campaigns and claims: see triggered/control.ts.
 */
import { z } from 'zod';
import { NotPlayable, sendingOptions } from './announcement.ts';
import { campaignOptions } from './campaign.ts';
import { type Director, deadlineOptions, faultsOptions } from './director.ts';
import { executionOptions } from './executed/options.ts';
import { latencyOptions, profileOptions, promotionChange } from './options.ts';
import { at, type Order } from './order.ts';
import type { AnswerControl } from './server.ts';
import { triggerOrdersOf } from './triggered/control.ts';

export function createControl(director: Director): AnswerControl {
  const orders = ordersOf(director);
  return async (method, path, bytes) => {
    for (const [wanted, pattern, status, act] of orders) {
      const found = pattern.exec(path);
      if (found === null || wanted !== method) continue;
      const [, tenant = '', id = '', last = ''] = found.map((part) =>
        decodeURIComponent(part ?? ''),
      );
      try {
        const body: unknown = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'));
        const result = await act({ tenant, id, last, body });
        return { status, text: JSON.stringify(result ?? { done: true }) };
      } catch (error) {
        return refusal(error);
      }
    }
    return { status: 404, text: JSON.stringify({ error: `nothing is at ${method} ${path}` }) };
  };
}

function ordersOf(director: Director): Order[] {
  const campaign = '/control/([^/]+)/campaigns/([^/]+)';
  return [
    ...triggerOrdersOf(director),
    [
      'POST',
      at('/control/([^/]+)/campaigns'),
      201,
      ({ tenant, body }) => ({
        campaignId: Number(director.createCampaign(tenant, campaignOptions.parse(body))),
      }),
    ],
    [
      'POST',
      at(`${campaign}/announce`),
      200,
      ({ tenant, id, body }) => director.announce(tenant, id, sendingOptions.parse(body)),
    ],
    [
      'POST',
      at(`${campaign}/reschedule`),
      200,
      ({ tenant, id, body }) => director.reschedule(tenant, id, deadlineOptions.parse(body)),
    ],
    [
      'POST',
      at(`${campaign}/cancel`),
      200,
      ({ tenant, id, body }) => director.cancel(tenant, id, sendingOptions.parse(body)),
    ],
    [
      'POST',
      at(`${campaign}/execute`),
      200,
      ({ tenant, id, body }) => director.execute(tenant, id, executionOptions.parse(body)),
    ],
    ['GET', at(`${campaign}/verdict`), 200, ({ tenant, id }) => director.verdict(tenant, id)],
    [
      'GET',
      at(`${campaign}/customers/([^/]+)`),
      200,
      ({ tenant, id, last }) => director.customer(tenant, id, last),
    ],
    ['GET', at('/control/([^/]+)/hooks'), 200, ({ tenant }) => director.hooks(tenant)],
    ['GET', at('/control/([^/]+)/traffic'), 200, ({ tenant }) => director.traffic(tenant)],
    [
      'PUT',
      at('/control/([^/]+)/faults'),
      200,
      ({ tenant, body }) => {
        const { rules, seed } = faultsOptions.parse(body);
        director.setFaults(tenant, rules, seed);
      },
    ],
    [
      'PUT',
      at('/control/([^/]+)/profile'),
      200,
      ({ tenant, body }) => director.setProfile(tenant, changeOf(profileOptions, body)),
    ],
    [
      'PUT',
      at('/control/([^/]+)/latencies'),
      200,
      ({ tenant, body }) => director.setLatencies(tenant, changeOf(latencyOptions, body)),
    ],
    [
      'PUT',
      at('/control/([^/]+)/key'),
      200,
      ({ tenant, body }) =>
        director.breakKey(tenant, z.object({ broken: z.boolean() }).parse(body).broken),
    ],
    [
      'PUT',
      at('/control/([^/]+)/promotions/([^/]+)'),
      200,
      ({ tenant, id, body }) => director.changePromotion(tenant, id, promotionChange.parse(body)),
    ],
  ];
}

/** Only what was sent: the defaults of what was not sent must not overwrite the present state. */
function changeOf<Schema extends z.ZodType<Record<string, unknown>>>(
  schema: Schema,
  body: unknown,
) {
  const sent = z.record(z.string(), z.unknown()).parse(body);
  const parsed = schema.parse(sent);
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => name in sent));
}

function refusal(error: unknown) {
  if (error instanceof NotPlayable)
    return { status: 404, text: JSON.stringify({ error: error.message }) };
  if (error instanceof z.ZodError) {
    return { status: 400, text: JSON.stringify({ error: z.prettifyError(error) }) };
  }
  if (error instanceof SyntaxError) {
    return { status: 400, text: JSON.stringify({ error: 'the body is not JSON' }) };
  }
  throw error;
}
