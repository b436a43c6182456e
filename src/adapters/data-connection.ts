import type { DataConnectionSettings } from '../domain/tenant.ts';
import { writeId } from '../wire/atoms.ts';
import { writeLocalDate } from '../wire/local-time.ts';
import type { DataConnection, RateLimit, Upload } from '../world.ts';
import { readNothing } from './http/answer.ts';
import { answerTimeoutMs, createEndpoint, type Dependencies } from './http/endpoint.ts';

/** Most rows that one upload may carry (API §12). */
const maxRowsPerCall = 5_000;

/** An upload-based data connection (API §12), from which e-mails show a customer's reward. */
export function createDataConnection(
  settings: DataConnectionSettings & { timeZone: string; limit: RateLimit | undefined },
  deps: Dependencies,
): DataConnection {
  const { baseUrl, connectionId, primaryKey, required, timeZone } = settings;
  const headers = () => ({ 'x-api-key': settings.apiKey, 'x-brand-key': settings.brandKey });
  const { limit } = settings;
  const endpoint = createEndpoint({ farSide: 'dataConnection', baseUrl, headers, limit }, deps);

  return {
    maxRowsPerCall,
    required,
    upload({ campaignId, batchUuid, last, ttlSeconds, rows }) {
      if (rows.length > maxRowsPerCall) throw new RangeError(`${rows.length} rows in one upload`);
      return endpoint.call({
        name: 'upload_data',
        path: `/connections/${encodeURIComponent(connectionId)}/upload_data`,
        timeoutMs: answerTimeoutMs,
        body: {
          data: rows.map(({ customerId, rewards }) => ({
            [primaryKey]: customerId,
            customer_id: customerId,
            campaign_id: writeId(campaignId),
            ...writeRewards(rewards, timeZone),
          })),
          ttl_seconds: ttlSeconds,
          batch_uuid: batchUuid,
          batch_completed: last,
        },
        read: readNothing,
      });
    },
  };
}

/** The first reward under the plain names, the second under `promo_code_2` …, and so on. */
function writeRewards(rewards: Upload['rows'][number]['rewards'], timeZone: string) {
  const columns: Record<string, string | number | null> = {};
  for (const [index, { promoCode, reward, expiresAt }] of rewards.entries()) {
    const end = index === 0 ? '' : `_${index + 1}`;
    columns[`promo_code${end}`] = promoCode;
    columns[`reward_type${end}`] = reward.rewardTypeId;
    columns[`reward_value${end}`] = reward.value;
    columns[`unique_code${end}`] = reward.code ?? null;
    columns[`expires_at${end}`] = writeLocalDate(expiresAt, timeZone);
  }
  return columns;
}
