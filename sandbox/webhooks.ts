import type { Fault } from './faults.ts';
import { hash } from './population.ts';
import type { Tenant } from './tenant.ts';

/** One hook as it was sent, and the answer it got. */
export interface Delivery {
  campaignId: string;
  eventTypeId: number;
  payload: Record<string, unknown>;
  sentAtMs: number;
  answeredAtMs: number | undefined;
  /** The answer's status; absent while none came. */
  status: number | undefined;
  /** Why no answer came, or `lost` when a fault or the order kept it from being sent. */
  error: string | undefined;
}

/** Any 2xx says that the receiver took it (API §5.5). */
export function isHeard({ status }: Delivery): boolean {
  return status !== undefined && status >= 200 && status <= 299;
}

export interface Hook {
  url: string;
  campaignId: string;
  eventTypeId: number;
  payload: Record<string, unknown>;
  lost?: boolean;
}

const TIMEOUT_MS = 30_000;

/**
 * Posts one event as Optimove does: once, any 2xx will do, nothing is delivered again. Faults may
 * lose it, make it late (by up to `ms`, so that several change places) or double it.
 */
export async function sendHook(tenant: Tenant, hook: Hook): Promise<Delivery[]> {
  const faults = tenant.faults.strike('hooks', `event${hook.eventTypeId}`, Date.now());
  const isLost = hook.lost || faults.some(({ fault }) => fault === 'lost');
  const isDoubled = faults.some(({ fault }) => fault === 'duplicate');
  const deliveries = Array.from({ length: isDoubled ? 2 : 1 }, () => enter(tenant, hook));
  if (isLost) {
    for (const delivery of deliveries) delivery.error = 'lost';
    return deliveries;
  }
  const late = faults.find(({ fault }) => fault === 'late');
  if (late !== undefined) await delay(lateness(tenant, late));
  await Promise.all(deliveries.map((delivery) => post(hook.url, delivery)));
  return deliveries;
}

function enter(tenant: Tenant, { campaignId, eventTypeId, payload }: Hook): Delivery {
  const delivery: Delivery = {
    campaignId,
    eventTypeId,
    payload,
    sentAtMs: Date.now(),
    answeredAtMs: undefined,
    status: undefined,
    error: undefined,
  };
  tenant.deliveries.push(delivery);
  return delivery;
}

async function post(url: string, delivery: Delivery): Promise<void> {
  delivery.sentAtMs = Date.now();
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(delivery.payload),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.arrayBuffer();
    delivery.status = response.status;
  } catch (error) {
    delivery.error = String(error);
  }
  delivery.answeredAtMs = Date.now();
}

function lateness(tenant: Tenant, { ms }: Fault): number {
  return (ms * hash(tenant.seed, 77, tenant.deliveries.length)) / 2 ** 32;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
