import { z } from 'zod';
import type { PublisherSettings } from '../domain/tenant.ts';
import { caseless, readBoolean } from '../wire/atoms.ts';
import type { Publisher, RateLimit } from '../world.ts';
import { malformed, readShape } from './http/answer.ts';
import { createEndpoint, type Dependencies } from './http/endpoint.ts';
import type { Answer } from './http/exchange.ts';

/**
 * The optimove-optipromo-publisher (API §10.8). A trigger's body is forwarded unchanged, to the address
 * Optimove gave, else to the publisher's own path; its answer is taken to be the gate's own (API §9.3).
 */
export function createPublisher(
  settings: PublisherSettings & { limit: RateLimit | undefined },
  deps: Dependencies,
): Publisher {
  const { baseUrl, listenerUrl, limit } = settings;
  const headers = () => ({ 'x-api-key': settings.apiKey });
  const listener = listenerUrl === undefined ? undefined : new URL(listenerUrl);
  const address = listener
    ? { baseUrl: listener.origin, path: listener.pathname + listener.search }
    : { baseUrl, path: '/v1/publish' };
  const endpoint = createEndpoint(
    { farSide: 'publisher', baseUrl: address.baseUrl, headers, limit },
    deps,
  );

  return {
    decide: (body, budgetMs) =>
      endpoint.read(
        {
          name: 'the decision of a trigger',
          path: address.path,
          timeoutMs: budgetMs,
          body,
          read: readDecision,
        },
        {
          rank: { class: 'interactive', deadline: Date.now() + budgetMs, stage: 1 },
          signal: AbortSignal.timeout(budgetMs),
        },
      ),
  };
}

const envelope = z.record(z.string(), z.unknown());

function readDecision(answer: Answer, name: string): boolean {
  const fields = readShape(name, envelope, answer);
  const allowed = readBoolean(caseless(fields)['allowed']);
  if (allowed === undefined) throw malformed(name, 'allowed: is neither true nor false');
  return allowed;
}
