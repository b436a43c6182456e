import { z } from 'zod';
import type { PublisherSettings } from '../domain/tenant.ts';
import { caseless, readBoolean, readNumber, writeId } from '../wire/atoms.ts';
import { writeLocalTime } from '../wire/local-time.ts';
import type { PublishedBatch, Publisher, RateLimit } from '../world.ts';
import { malformed, readShape, readTold } from './http/answer.ts';
import { answerTimeoutMs, createEndpoint, type Dependencies } from './http/endpoint.ts';
import type { Answer } from './http/exchange.ts';

/** The publisher's own path, for batches and, where no listener was told, for triggers (API §10.8). */
const publishPath = '/v1/publish';

/** Most customers that one batch may carry (guide: OptiPromo Process, flow 2). */
const maxCustomersPerBatch = 10_000;

/**
 * The optimove-optipromo-publisher (API §10.8). A trigger's body is forwarded unchanged, to the address
 * Optimove gave, else to the publisher's own path; its answer is taken to be the gate's own (API §9.3).
 * Batches always go to its own path; `timeZone` is the tenant's, in which their deadline is written.
 */
export function createPublisher(
  settings: PublisherSettings & { timeZone: string; limit: RateLimit | undefined },
  deps: Dependencies,
): Publisher {
  const { baseUrl, listenerUrl, limit, timeZone } = settings;
  const headers = () => ({ 'x-api-key': settings.apiKey });
  const endpointAt = (address: string) =>
    createEndpoint({ farSide: 'publisher', baseUrl: address, headers, limit }, deps);
  const own = endpointAt(baseUrl);
  const listener = listenerUrl === undefined ? undefined : new URL(listenerUrl);
  const triggers = listener
    ? { endpoint: endpointAt(listener.origin), path: listener.pathname + listener.search }
    : { endpoint: own, path: publishPath };

  return {
    decide: (body, budgetMs) =>
      triggers.endpoint.read(
        {
          name: 'the decision of a trigger',
          path: triggers.path,
          timeoutMs: budgetMs,
          body,
          read: readDecision,
        },
        {
          rank: { class: 'interactive', deadline: Date.now() + budgetMs, stage: 1 },
          signal: AbortSignal.timeout(budgetMs),
        },
      ),

    publish(batch) {
      const sent = batch.customers.length;
      if (sent > maxCustomersPerBatch) throw new RangeError(`${sent} customers in one batch`);
      return own.call({
        name: 'publish',
        path: publishPath,
        timeoutMs: answerTimeoutMs,
        body: writeBatch(batch, timeZone),
        read: (answer, name) => readAccepted(answer, name, sent),
      });
    },
  };
}

const envelope = z.record(z.string(), z.unknown());

function readDecision(answer: Answer, name: string): boolean {
  const fields = readShape(name, envelope, answer);
  const allowed = readBoolean(caseless(fields)['allowed']);
  if (allowed === undefined) throw malformed(name, 'allowed: is neither true nor false');
  return allowed;
}

function writeBatch(batch: PublishedBatch, timeZone: string) {
  const { batchId: id, index, count } = batch;
  return {
    campaignId: writeId(batch.campaignId),
    clearanceRequiredBy: writeLocalTime(batch.deadline, timeZone),
    batch: { id, index, count },
    customers: batch.customers.map(({ customerId, actionId, promoCodes }) => ({
      customerId,
      actionId: actionId === undefined ? undefined : writeId(actionId),
      promoCode: promoCodes.length > 0 ? promoCodes.join(',') : null,
    })),
  };
}

/** What it answers is not documented: any success is one, unless it tells that it took fewer. */
function readAccepted(answer: Answer, name: string, sent: number): void {
  const accepted = readNumber(readTold(answer)['accepted']);
  if (accepted === undefined || accepted >= sent) return;
  throw malformed(name, `it accepted ${accepted} of ${sent} customers`);
}
