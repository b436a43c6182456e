import { z } from 'zod';
import { type Answer, answer, type Call, readBody } from '../call.ts';

const gatewayBody = z.looseObject({ url: z.url() });

/** Set Conditional Gateway (API §9.1): exactly one a tenant, a new one replaces it. */
export function setGateway(call: Call): Answer {
  call.tenant.gateUrls = [readBody(call, gatewayBody).url];
  return { status: 200 };
}

/** The second generation of the same. */
export function addWebhook(call: Call): Answer {
  const { url } = readBody(call, gatewayBody);
  call.tenant.gateUrls = [url];
  return answer(201, { id: `${call.tenant.name}-gate`, url });
}
