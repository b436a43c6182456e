import { z } from 'zod';
import { writeId } from '../../wire/atoms.ts';
import { writeLocalTime } from '../../wire/local-time.ts';
import type { Optimove, PageRequest, RateLimit, Reading } from '../../world.ts';
import { readNothing, readShape } from '../http/answer.ts';
import {
  answerTimeoutMs,
  createEndpoint,
  type Dependencies,
  listTimeoutMs,
} from '../http/endpoint.ts';
import { readAudience } from './audience.ts';
import { readDetails } from './details.ts';
import { readEnded } from './ended.ts';
import { readExecutedCampaigns, readExecutions } from './executions.ts';

const list = z.array(z.unknown());
const object = z.record(z.string(), z.unknown());

/** Most customers that one status report may carry (API §7). */
const maxCustomersPerReport = 10_000;

/** Where checks are registered; each takes the address alone, as far as is known (API §9.1). */
export const gateCalls = {
  v1: { method: 'PUT', path: '/triggered_conditional_execution_gateway' },
  v2: { method: 'POST', path: '/conditional-execution/v2/triggered/webhooks/' },
} as const;

/** Reading calls in flight at once: enough for the allowance, few enough for a wrong key. */
const maxReads = 8;

/** Optimove's core API (API §1, §6, §7); `timeZone` is the tenant's, in which its times stand. */
export function createOptimove(
  settings: { baseUrl: string; apiKey: string; timeZone: string; limit: RateLimit },
  deps: Dependencies,
): Optimove {
  const { baseUrl, limit, timeZone } = settings;
  const headers = () => ({ 'x-api-key': settings.apiKey });
  const endpoint = createEndpoint({ farSide: 'optimove', baseUrl, headers, limit, maxReads }, deps);

  function readList<A>(
    name: string,
    path: string,
    read: (rows: readonly unknown[]) => A,
    reading: Reading,
  ): Promise<A> {
    return endpoint.read(
      {
        name,
        path,
        timeoutMs: listTimeoutMs,
        read: (answer, call) => read(readShape(call, list, answer)),
      },
      reading,
    );
  }

  function readCustomers(name: string, page: PageRequest, reading: Reading) {
    const path = `/Customers/${name}?${ofCampaign(page)}&${stretch(page)}`;
    return readList(name, path, readAudience, reading);
  }

  return {
    processedCustomers: (page, reading) =>
      readCustomers('GetProcessedCampaignCustomers', page, reading),
    canceledCustomers: (page, reading) =>
      readCustomers('GetCanceledCampaignCustomers', page, reading),

    executedCustomers(page, reading) {
      const name = 'GetCustomerExecutionDetailsByCampaign';
      const { channelId } = page;
      const channel = channelId === undefined ? '' : `&ChannelID=${encodeURIComponent(channelId)}`;
      const path = `/Customers/${name}?${ofCampaign(page)}${channel}&${stretch(page)}`;
      return readList(name, path, (rows) => readExecutions(rows, timeZone), reading);
    },

    executedCampaigns(date, reading) {
      const name = 'GetExecutedCampaignDetails';
      const path = `/Actions/${name}?Date=${encodeURIComponent(date)}`;
      return readList(name, path, readExecutedCampaigns, reading);
    },

    endedActions(page, reading) {
      const name = 'GetCustomersActionEndedByDate';
      const path = `/Customers/${name}?Date=${encodeURIComponent(page.date)}&${stretch(page)}`;
      return readList(name, path, readEnded, reading);
    },

    campaignDetails: (campaignId, reading) =>
      endpoint.read(
        {
          name: 'GetCampaignDetails',
          path: `/Actions/GetCampaignDetails?${ofCampaign({ campaignId })}`,
          timeoutMs: answerTimeoutMs,
          read: (answer, call) => readDetails(readShape(call, object, answer)),
        },
        reading,
      ),

    reportStatus({ campaignId, at, customers }) {
      if (customers.length > maxCustomersPerReport) {
        throw new RangeError(`${customers.length} customers in one status report`);
      }
      return endpoint.call({
        name: 'UpdateCustomerPromotionStatus',
        path: '/Integrations/UpdateCustomerPromotionStatus',
        timeoutMs: answerTimeoutMs,
        body: {
          TimeStamp: writeLocalTime(at, timeZone),
          CampaignID: writeId(campaignId),
          PromosUpdated: customers.map(({ customerId, approved }) => ({
            CustomerID: customerId,
            Status: approved,
          })),
        },
        read: readNothing,
      });
    },

    registerGate: (url, generation, reading) =>
      endpoint.read(
        {
          name: 'registration of the gate',
          ...gateCalls[generation],
          timeoutMs: answerTimeoutMs,
          body: { url },
          read: readNothing,
        },
        reading,
      ),

    probe: (reading) =>
      endpoint.read(
        {
          name: 'GetLastDataUpdate',
          path: '/General/GetLastDataUpdate',
          isProbe: true,
          timeoutMs: answerTimeoutMs,
          read: (answer, call) => void readShape(call, object, answer),
        },
        reading,
      ),
  };
}

function ofCampaign({ campaignId }: { campaignId: string }): string {
  return `CampaignID=${encodeURIComponent(campaignId)}`;
}

/** Which rows of a list are asked for (API §4.1). */
function stretch({ skip, top }: { skip: number; top: number }): string {
  return `$top=${top}&$skip=${skip}`;
}
