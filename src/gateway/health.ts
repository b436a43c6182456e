import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Log } from '../world.ts';
import { problem, sendProblem } from './problems.ts';

export interface HealthDeps {
  /** What is missing, in words; undefined when all is there. */
  ledgerMissing(): Promise<string | undefined>;
  temporalMissing(): Promise<string | undefined>;
  metrics: { contentType: string; text(): Promise<string> };
}

/** Whether the process lives, whether it can work, and its figures for Prometheus. */
export async function health(app: FastifyInstance, deps: HealthDeps): Promise<void> {
  const tags = ['health'];
  app.get(
    '/healthz',
    { schema: { tags, summary: 'Alive', response: { 200: z.object({ status: z.string() }) } } },
    async () => ({ status: 'alive' }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'Ledger, Temporal and its search attributes are there',
        response: { 200: z.object({ status: z.string() }), 503: problem },
      },
    },
    async (_request, reply) => {
      const missing = await Promise.all([deps.ledgerMissing(), deps.temporalMissing()]);
      const sentences = missing.filter((one) => one !== undefined);
      if (sentences.length === 0) return { status: 'ready' };
      return sendProblem(reply.header('retry-after', 2), 503, `${sentences.join('. ')}.`);
    },
  );
  app.get('/metrics', { schema: { tags, summary: 'Figures for Prometheus' } }, async (_, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  );
}

/**
 * Opens a door that answers nothing but health and figures: that of a worker without a gateway. Port 0
 * takes any free one. Rejects where the port is taken.
 */
export async function openHealthDoor(
  deps: HealthDeps & { log: Log },
  listen: { host: string; port: number },
): Promise<{ url: string; stop(): Promise<void> }> {
  const app = Fastify({ logger: false, forceCloseConnections: 'idle' });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(health, deps);
  const url = await app.listen(listen);
  deps.log.info({ url }, 'health and figures are told');
  return { url, stop: async () => app.close() };
}
