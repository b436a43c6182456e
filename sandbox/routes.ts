import type { Route } from './call.ts';
import { uploadRows } from './data-connection.ts';
import { getCanceledCustomers, getProcessedCustomers } from './optimove/audience.ts';
import {
  getCampaignDetails,
  getExecutedCampaigns,
  getLastDataUpdate,
} from './optimove/campaigns.ts';
import { getEndedActions, getExecutedCustomers } from './optimove/executions.ts';
import { addWebhook, setGateway } from './optimove/gateway.ts';
import { updateStatus } from './optimove/status.ts';
import { allocate } from './platform/allocations.ts';
import { lookUp, revoke } from './platform/revocations.ts';
import { screen } from './platform/screenings.ts';
import { readAssignments } from './promotions/assignments.ts';
import { findPromocode, getPromocode, getPromotion } from './promotions/codes.ts';
import { recordRedemptions } from './promotions/redemptions.ts';
import { validateCustomers } from './promotions/validation.ts';
import { decideTrigger } from './publisher.ts';
import { kindOfTrigger, takeBatch } from './publishing.ts';

/** Every call the far sides answer. Optimove's also come with the old prefix `/current`. */
export const routes: Route[] = [
  optimove('GET', '/customers/GetProcessedCampaignCustomers', 'audience', getProcessedCustomers),
  optimove('GET', '/customers/GetCanceledCampaignCustomers', 'canceled', getCanceledCustomers),
  optimove(
    'GET',
    '/customers/GetCustomerExecutionDetailsByCampaign',
    'executions',
    getExecutedCustomers,
  ),
  optimove('GET', '/customers/GetCustomersActionEndedByDate', 'ended', getEndedActions),
  optimove('GET', '/actions/GetCampaignDetails', 'details', getCampaignDetails),
  optimove('GET', '/actions/GetExecutedCampaignDetails', 'executed', getExecutedCampaigns),
  optimove('GET', '/general/GetLastDataUpdate', 'probe', getLastDataUpdate),
  optimove('POST', '/integrations/UpdateCustomerPromotionStatus', 'status', updateStatus),
  optimove('PUT', '/triggered_conditional_execution_gateway', 'gateway', setGateway),
  optimove('POST', '/conditional-execution/v2/triggered/webhooks/?', 'gateway', addWebhook),
  promotions('GET', '/promocodes', 'code', findPromocode),
  promotions('GET', '/promocodes/([^/]+)', 'promocode', getPromocode),
  promotions('GET', '/promotions/([^/]+)', 'promotion', getPromotion),
  promotions('POST', '/promocodes/([^/]+)/validateCustomers', 'validate', validateCustomers),
  promotions('POST', '/promotions/customerAssignments', 'assignments', readAssignments),
  promotions('POST', '/promotions/redemptions', 'redemptions', recordRedemptions),
  {
    far: 'publisher',
    method: 'POST',
    path: /^\/(?:v1\/publish|triggers)$/i,
    kind: 'trigger',
    tellApart: kindOfTrigger,
    handle: (call) => (call.kind === 'publish' ? takeBatch(call) : decideTrigger(call)),
  },
  {
    far: 'data',
    method: 'POST',
    path: /^\/connections\/([^/]+)\/upload_data$/i,
    kind: 'upload',
    handle: uploadRows,
  },
  platform('/allocations', 'allocations', allocate),
  platform('/revocations', 'revocations', revoke),
  platform('/lookups', 'lookups', lookUp),
  platform('/screenings', 'screenings', screen),
];

function optimove(
  method: Route['method'],
  path: string,
  kind: string,
  handle: Route['handle'],
): Route {
  const pattern = new RegExp(`^(?:/current)?${path}$`, 'i');
  return { far: 'optimove', method, path: pattern, kind, handle };
}

function promotions(
  method: Route['method'],
  path: string,
  kind: string,
  handle: Route['handle'],
): Route {
  return { far: 'promotions', method, path: new RegExp(`^/v1${path}$`, 'i'), kind, handle };
}

function platform(path: string, kind: string, handle: Route['handle']): Route {
  return { far: 'platform', method: 'POST', path: new RegExp(`^${path}$`), kind, handle };
}
