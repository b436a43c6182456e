import { Counter, collectDefaultMetrics, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** The figures of one process, in a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const webhooks = new Counter({
    name: 'promoflow_webhooks_total',
    help: 'Requests at the webhook door, by tenant and the status they were answered with.',
    labelNames: ['tenant', 'status'],
    registers: [registry],
  });
  return {
    countHook: (tenant: string, status: number): void => webhooks.inc({ tenant, status }),
    contentType: registry.contentType,
    text: (): Promise<string> => registry.metrics(),
  };
}
