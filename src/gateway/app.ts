import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { type ApiDeps, api } from './api/api.ts';
import { type ClaimsDeps, claims } from './claims.ts';
import { type GateDeps, gate } from './gate.ts';
import { type HealthDeps, health } from './health.ts';
import { type HooksDeps, hooks } from './hooks.ts';
import { createErrorHandler, sendProblem } from './problems.ts';
import { type RedemptionsDeps, redemptions } from './redemptions.ts';

export interface AppDeps
  extends HooksDeps,
    Omit<GateDeps, 'decisions'>,
    ClaimsDeps,
    Omit<RedemptionsDeps, 'starts'>,
    HealthDeps,
    ApiDeps {
  decisions: GateDeps['decisions'] & ClaimsDeps['decisions'];
  starts: HooksDeps['starts'] & RedemptionsDeps['starts'];
}

/** All doors of the gateway, not yet listening. */
export async function createApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    requestTimeout: 30_000,
    // A token or a customer's id may be longer than the 100 characters of Fastify's default.
    routerOptions: { maxParamLength: 1_024 },
    forceCloseConnections: 'idle',
    // An address that cannot be decoded is a wrong address.
    frameworkErrors: (_error, _request, reply) => {
      void sendProblem(reply, 400, 'The address of the request cannot be read.');
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(createErrorHandler(deps.log));
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, 404, 'There is nothing at this address; see /docs.'),
  );
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'promoflow',
        description:
          'The webhook door, the gate, claims and redemptions, the operator API and the health of one promoflow.',
        version: '0.1.0',
      },
      components: { securitySchemes: { operator: { type: 'http', scheme: 'bearer' } } },
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  await app.register(health, deps);
  await app.register(hooks, deps);
  await app.register(gate, deps);
  await app.register(claims, deps);
  await app.register(redemptions, deps);
  await app.register(api, { ...deps, prefix: '/api/tenants' });
  return app;
}
