import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWorld } from '../../src/adapters/world.ts';
import type { TenantSettings } from '../../src/domain/tenant.ts';
import type { Permit, RateLimit, Reading } from '../../src/world.ts';

/** What the limiter and the halt were told, in order. */
export type Note =
  | { told: 'turn'; bucket: string; class: string }
  | { told: 'answered' }
  | { told: 'pause'; ms: number }
  | { told: 'unauthorized'; farSide: string };

export interface Urls {
  optimove: string;
  promotions: string;
  data: string;
  platform: string;
}

const allowance = { requests: 50, perMs: 10_000 };
export const platformSecret = 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=';

/** The real adapters against these addresses, with a turn that never waits. */
export function openWorld(urls: Urls, change: Partial<TenantSettings> = {}) {
  const notes: Note[] = [];
  const world = createWorld(
    {
      tenant: 'acme',
      timeZone: 'Europe/Malta',
      webhookToken: 'tok',
      apiKeys: [],
      allowFrom: [],
      optimove: {
        baseUrl: urls.optimove,
        apiKey: 'sandbox-optimove-key',
        rateLimit: allowance,
        pageSize: 10_000,
      },
      promotions: {
        baseUrl: urls.promotions,
        apiKey: 'sandbox-promotions-key',
        sharesOptimoveLimit: true,
        rateLimit: allowance,
        maxCustomersPerCall: 10_000,
        recovery: 'assignments',
        unknownCodes: 'refuse',
      },
      publisher: undefined,
      dataConnection: {
        baseUrl: urls.data,
        connectionId: 'rewards',
        apiKey: 'data-key',
        brandKey: 'brand-key',
        primaryKey: 'customer_id',
        required: false,
        rateLimit: undefined,
      },
      platform: {
        baseUrl: urls.platform,
        secret: platformSecret,
        maxItemsPerCall: 10_000,
        screening: true,
        rateLimit: undefined,
      },
      scheduled: {
        conditional: 'managed',
        executed: 'assignments',
        notSent: 'list',
        activation: 'immediate',
        codes: 'all',
        clearanceMarginMs: 30_000,
        executionDelayMs: 1_800_000,
        redeemEveryMs: 60_000,
        lanes: 8,
      },
      claims: undefined,
      triggerChannels: [],
      executedChannels: [],
      hearsEventOne: false,
      limits: { maxAudience: 2_000_000, onlyCustomers: [] },
      ...change,
    },
    {
      async turn(limit: RateLimit, rank) {
        notes.push({ told: 'turn', bucket: limit.bucket, class: rank.class });
        return {
          answered: async () => void notes.push({ told: 'answered' }),
          pause: async (ms) => void notes.push({ told: 'pause', ms }),
        };
      },
      onUnauthorized: async (farSide) => void notes.push({ told: 'unauthorized', farSide }),
    },
  );
  const { promotions, dataConnection } = world;
  if (!promotions || !dataConnection) throw new Error('this tenant has all far sides');
  return { ...world, promotions, dataConnection, notes };
}

/** What a reading call brings; the signal may be one that is aborted later. */
export function reading(signal = new AbortController().signal): Reading {
  return { rank: { class: 'bulk', deadline: 0, stage: 0 }, signal };
}

/** A permit for the next minute; `begin` gives 250 ms, on a machine that is not shared with a suite. */
export function permit(): Permit {
  return { until: performance.now() + 60_000 };
}

export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** One small server that plays all far sides: it keeps what it received and answers as told. */
export async function startFarSide(answer: RequestListener) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${portOf(server.address())}`;
  return {
    url,
    urls: { optimove: url, promotions: url, data: url, platform: url },
    received,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type SmallFarSide = Awaited<ReturnType<typeof startFarSide>>;

function portOf(address: AddressInfo | string | null): number {
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Looks every few milliseconds, for at most five seconds. */
export async function waitUntil(isTrue: () => boolean): Promise<void> {
  const until = performance.now() + 5_000;
  while (!isTrue()) {
    if (performance.now() > until) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
