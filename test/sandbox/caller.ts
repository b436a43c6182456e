import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';

type Options = NonNullable<Parameters<typeof startSandbox>[0]>;
type TenantOptions = NonNullable<NonNullable<Options['tenants']>[string]>;

export const SECRET = 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=';
const OPTIMOVE = { 'X-API-KEY': 'sandbox-optimove-key' };
const PUBLISHER = { 'X-API-KEY': 'sandbox-publisher-key' };
const PROMOTIONS = { 'X-API-KEY': 'sandbox-promotions-key' };
const UNLIMITED = {
  optimove: { limit: null },
  promotions: { sharesOptimoveLimit: false, limit: null },
} satisfies TenantOptions;

export interface Told {
  status: number;
  headers: Headers;
  text: string;
  /** The answer's JSON; fields are read by path in the tests. */
  json: Json;
}

/** What JSON.parse gives, for tests that read it by path. */
export type Json = ReturnType<typeof JSON.parse>;

/** A sandbox with one tenant, `acme`, without a limiter unless told; closed after the test. */
export async function play(tenant: TenantOptions = {}, seed = 1): Promise<Caller> {
  const sandbox = await startSandbox({ seed, tenants: { acme: { ...UNLIMITED, ...tenant } } });
  onTestFinished(() => sandbox.close());
  return createCaller(sandbox);
}

export type Caller = ReturnType<typeof createCaller>;

/** A tenant's side of every call, as plain as can be. */
function createCaller(sandbox: Sandbox) {
  const urls = sandbox.urls('acme');
  const validate = (id: string, code: string, customers: string[]) =>
    call(`${urls.promotions}/v1/promocodes/pc-${code.toLowerCase()}/validateCustomers`, {
      headers: PROMOTIONS,
      body: {
        contexts: customers.map((customerId) => ({ customerId })),
        campaignData: { campaignId: Number(id), occurrenceId: id },
      },
    });
  const platform = (path: string, body: unknown, idempotencyKey?: string, secret = SECRET) => {
    const text = JSON.stringify(body);
    const headers = { ...sign(text, secret), 'Idempotency-Key': idempotencyKey ?? randomUUID() };
    return call(`${urls.platform}/${path}`, { headers, text });
  };
  return {
    sandbox,
    urls,
    validate,
    platform,
    optimove: (path: string, body?: unknown) =>
      call(`${urls.optimove}${path}`, { headers: OPTIMOVE, body }),
    promotions: (path: string, body?: unknown) =>
      call(`${urls.promotions}${path}`, { headers: PROMOTIONS, body }),
    audience: (id: string, query = '') =>
      call(`${urls.optimove}/Customers/GetProcessedCampaignCustomers?CampaignID=${id}${query}`, {
        headers: OPTIMOVE,
      }),
    report: (id: string, statuses: Record<string, boolean>) =>
      call(`${urls.optimove}/Integrations/UpdateCustomerPromotionStatus`, {
        headers: OPTIMOVE,
        body: {
          CampaignID: Number(id),
          PromosUpdated: Object.entries(statuses).map(([CustomerID, Status]) => ({
            CustomerID,
            Status,
          })),
        },
      }),
    allocate: (id: string, ...allocations: ReturnType<typeof allocation>[]) =>
      platform('allocations', { campaignId: id, allocations }),
    /** One page of a customer list of Optimove, by its name. */
    list: (name: string, query: string) =>
      call(`${urls.optimove}/Customers/${name}?${query}`, { headers: OPTIMOVE }),
    awards: (id: string, more: Record<string, unknown> = {}) =>
      call(`${urls.promotions}/v1/promotions/customerAssignments`, {
        headers: PROMOTIONS,
        body: { occurrenceId: id, ...more },
      }),
    publish: (body: unknown) => call(`${urls.publisher}/v1/publish`, { headers: PUBLISHER, body }),
    /** Keys are `k{index of the customer}` in these tests. */
    revoke: (id: string, ...keys: string[]) =>
      platform('revocations', {
        campaignId: id,
        reason: 'canceled',
        revocations: keys.map((key) => ({ key, customerId: customer(Number(key.slice(1))) })),
      }),
    upload: (customerId: string, campaignId: string, more: Record<string, unknown> = {}) =>
      call(`${urls.data}/connections/any/upload_data`, {
        body: { data: [{ customer_id: customerId, campaign_id: Number(campaignId) }], ...more },
      }),
  };
}

export function allocation(key: string, customerId: string, more: Partial<Allocation> = {}) {
  return {
    key,
    customerId,
    promoCode: 'SPRING25',
    rewards: [{ rewardTypeId: 'free-spins', value: 10 }],
    expiresAt: '2030-01-01T00:00:00Z',
    ...more,
  };
}

interface Allocation {
  promoCode: string;
  startsAt: string;
  expiresAt: string;
  rewards: { rewardTypeId: string; value: number; code?: string }[];
}

/** The headers of Standard Webhooks for this body. */
export function sign(text: string, secret = SECRET, atMs = Date.now()) {
  const id = randomUUID();
  const timestamp = String(Math.floor(atMs / 1000));
  const signature = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
    .update(`${id}.${timestamp}.${text}`)
    .digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}

export async function call(
  url: string,
  {
    headers = {},
    body,
    text,
    method,
  }: {
    headers?: Record<string, string>;
    body?: unknown;
    text?: string;
    method?: string;
  } = {},
): Promise<Told> {
  const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url, {
    method: method ?? (sent === undefined ? 'GET' : 'POST'),
    headers: { ...headers, ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(sent === undefined ? {} : { body: sent }),
    signal: AbortSignal.timeout(10_000),
  });
  const answered = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text: answered,
    json: answered === '' ? undefined : JSON.parse(answered),
  };
}

/** A door that hooks can be sent to; keeps what came, answers with this status. */
export async function openDoor(status = 200) {
  const heard: Json[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    heard.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/hooks`, heard };
}

/** Shares that leave every customer targeted, eligible and served: only what a test says differs. */
export const PLAIN = {
  controlShare: 0,
  deniedShare: 0,
  declinedShare: 0,
  noTierShare: 0,
  severalCodesShare: 0,
} as const;

/** A catalogue with one promotion that gives everybody the same. */
export const FLAT = [
  {
    code: 'SPRING25',
    tiers: [{ id: 'all', name: 'All', rewards: [{ rewardTypeId: 'free-spins', value: 10 }] }],
  },
  {
    code: 'FS10',
    uniqueCodes: 100,
    tiers: [{ id: 'all', name: 'All', rewards: [{ rewardTypeId: 'free-spins', value: 5 }] }],
  },
];

export const customer = (index: number) => `P-${String(index).padStart(8, '0')}`;
