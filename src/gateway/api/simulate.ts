import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { createSimulate } from '../../operations/simulate.ts';
import { problem, sendProblem } from '../problems.ts';
import { campaignPath } from './shapes.ts';
import * as shapes from './simulation-shapes.ts';

export interface SimulateDeps {
  operations: { simulate: ReturnType<typeof createSimulate> };
}

/** A hundred thousand customers, some hundred bytes each. */
const bodyLimit = 33_554_432;

/** What a campaign would do: a reading, however much it reads, which every key may do. */
export async function simulate(app: FastifyInstance, { operations }: SimulateDeps): Promise<void> {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  app.withTypeProvider<ZodTypeProvider>().post(
    '/:tenant/campaigns/:id/simulate',
    {
      bodyLimit,
      schema: {
        ...{ tags: ['operators'], security: [{ operator: [] }] },
        summary: 'Tells what a campaign would do, and does nothing',
        description:
          'Reads the audience, the details, the promo codes and the screening: nothing is validated, given, reported ' +
          'or written. Its calls give way to every campaign; it takes four minutes at most, one at a time a gateway.',
        params: campaignPath,
        body: shapes.toSimulate.prefault({}),
        response: {
          200: shapes.simulation,
          ...{ 400: problem, 401: problem, 404: problem, 409: problem, 413: problem, 503: problem },
        },
      },
    },
    async (request, reply) => {
      const { tenant, id: campaignId } = request.params;
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const signal = AbortSignal.any([closing.signal, gone.signal]);
      const simulated = await operations.simulate({ tenant, campaignId }, request.body, signal);
      if (simulated.done) return reply.send(simulated.simulation);
      if (simulated.status === 503) reply.header('retry-after', 30);
      return sendProblem(reply, simulated.status, simulated.sentence);
    },
  );
}
