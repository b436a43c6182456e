import { z } from 'zod';
import { mark, UPLOADED } from './books.ts';
import { type Answer, answer, type Call, readBody, refuse } from './call.ts';
import { indexOf, isControl } from './population.ts';
import { isClosed } from './standing.ts';
import { campaignOf } from './tenant.ts';

const LARGEST_UPLOAD = 5000;

const uploadBody = z.object({
  data: z.array(z.object({ customer_id: z.string(), campaign_id: z.union([z.string(), z.int()]) })),
  ttl_seconds: z.int().positive().nullish(),
  batch_uuid: z.uuid().optional(),
  batch_completed: z.boolean().optional(),
});

/** upload_data (API §12): replaces the record of each primary key, so a repeat changes nothing. */
export function uploadRows(call: Call): Answer {
  const { apiKey, brandKey } = call.tenant.options.data;
  const isKnown = apiKey === undefined || call.headers['x-api-key'] === apiKey;
  if (!isKnown || (brandKey !== undefined && call.headers['x-brand-key'] !== brandKey)) {
    call.tenant.unauthorized += 1;
    return refuse(401, 'Unauthorized', 'x-api-key or x-brand-key is wrong');
  }
  const { data, batch_uuid, batch_completed } = readBody(call, uploadBody);
  if (data.length > LARGEST_UPLOAD) refuse(400, 'Bad Request', 'data holds more than 5000 rows');
  const [first] = data;
  if (first !== undefined) campaignOf(call.tenant, first.campaign_id, call.kind);
  for (const row of data) enter(call, row.customer_id, String(row.campaign_id));
  if (batch_uuid !== undefined) {
    if (batch_completed === false) call.tenant.openUploads.add(batch_uuid);
    else call.tenant.openUploads.delete(batch_uuid);
  }
  return answer(200, { accepted: data.length });
}

function enter(call: Call, customerId: string, campaignId: string): void {
  const campaign = call.tenant.campaigns.get(campaignId);
  if (campaign === undefined) return;
  const { violations, population, books } = campaign;
  const index = indexOf(population, customerId);
  if (index < 0) {
    violations.add('not targeted', campaignId, customerId, 'uploaded');
    return;
  }
  if (isControl(population, index)) {
    violations.add('control group', campaignId, customerId, 'uploaded');
  }
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', campaignId, customerId, 'uploaded');
  }
  mark(books.customers, index, UPLOADED);
}
