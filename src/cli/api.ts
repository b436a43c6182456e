import type { z } from 'zod';
import type { Environment } from '../config/environment.ts';
import * as shapes from '../gateway/api/shapes.ts';
import { simulation, type toSimulate } from '../gateway/api/simulation-shapes.ts';
import { problem } from '../gateway/problems.ts';
import { Failure } from './failure.ts';
import { readGatewayNote } from './gateway-note.ts';

const timeoutMs = 30_000;
/** A simulation reads a whole audience, for four minutes at most. */
const simulationTimeoutMs = 270_000;

export type Api = ReturnType<typeof createApi>;

/** A client of the operator API of the promoflow that the environment names. */
export function createApi(environment: Environment) {
  const { host, port, dataFolder, key } = environment;
  const url = environment.url ?? readGatewayNote(dataFolder)?.url ?? `http://${host}:${port}`;
  if (key === undefined) {
    throw new Failure('PROMOFLOW_KEY is not set: it holds an operator key of the tenant file.', 2);
  }
  const headers = { authorization: `Bearer ${key}`, accept: 'application/json' };

  const get = <T extends z.ZodType>(path: string, shape: T) => ask(path, shape, {});
  const posted = (body: unknown): RequestInit => ({
    method: 'POST',
    body: JSON.stringify(body),
    headers: { ...headers, 'content-type': 'application/json' },
  });
  const post = (path: string, body: unknown) => ask(path, shapes.acted, posted(body));

  async function ask<T extends z.ZodType>(
    path: string,
    shape: T,
    request: RequestInit,
  ): Promise<z.output<T>> {
    let response: Response;
    try {
      response = await fetch(`${url.replace(/\/$/, '')}/api/tenants${path}`, {
        headers,
        signal: AbortSignal.timeout(timeoutMs),
        ...request,
      });
    } catch {
      const message = `Nothing answers at ${url}. Start promoflow there, or set PROMOFLOW_URL.`;
      throw new Failure(message);
    }
    const body: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw refused(url, response.status, body);
    const read = shape.safeParse(body);
    if (!read.success)
      throw new Failure(`What answers at ${url} is not this version of promoflow.`);
    return read.data;
  }

  return {
    /** The tenant that was named, or the only one there is. */
    async tenant(named: string | undefined): Promise<string> {
      if (named !== undefined) return named;
      const { tenants } = await get('', shapes.tenants);
      const [only, ...others] = tenants;
      if (only && others.length === 0) return only.tenant;
      const names = tenants.map(({ tenant }) => tenant).join(', ');
      throw new Failure(`There are several tenants: say --tenant, one of ${names}.`, 2);
    },
    status: (tenant: string) => get(`/${part(tenant)}/status`, shapes.status),
    campaigns: (tenant: string, limit: number) =>
      get(`/${part(tenant)}/campaigns?limit=${limit}`, shapes.campaigns),
    campaign: (tenant: string, id: string) =>
      get(`/${part(tenant)}/campaigns/${part(id)}`, shapes.campaign),
    roll(tenant: string, id: string, page: { roll: string; limit: number; after?: string }) {
      const after = page.after === undefined ? '' : `&after=${page.after}`;
      const query = `roll=${page.roll}&limit=${page.limit}${after}`;
      return get(`/${part(tenant)}/campaigns/${part(id)}/customers?${query}`, shapes.roll);
    },
    timeline(tenant: string, customerId: string, campaign: string | undefined) {
      const query = campaign === undefined ? '' : `?campaign=${part(campaign)}`;
      const path = `/${part(tenant)}/customers/${part(customerId)}/timeline${query}`;
      return get(path, shapes.timelines);
    },
    reconcile: (tenant: string, body: ToReconcile) =>
      ask(`/${part(tenant)}/reconciliations`, shapes.begun, posted(body)),
    reconciliation(tenant: string, subject: string, page: { after: string; limit: number }) {
      const query = `after=${page.after}&limit=${page.limit}`;
      const path = `/${part(tenant)}/reconciliations/${part(subject)}?${query}`;
      return get(path, shapes.reconciliation);
    },
    suppressions(tenant: string, page: { limit: number; after?: string }) {
      const after = page.after === undefined ? '' : `&after=${part(page.after)}`;
      const path = `/${part(tenant)}/suppressions?limit=${page.limit}${after}`;
      return get(path, shapes.suppressions);
    },
    audit(tenant: string, limit: number, campaign: string | undefined) {
      const query = campaign === undefined ? '' : `&campaign=${part(campaign)}`;
      return get(`/${part(tenant)}/audit?limit=${limit}${query}`, shapes.audit);
    },
    actOnCampaign: (tenant: string, id: string, act: CampaignAct, body: Reasoned) =>
      post(`/${part(tenant)}/campaigns/${part(id)}/${act}`, body),
    simulate(tenant: string, id: string, body: z.input<typeof toSimulate>) {
      const signal = AbortSignal.timeout(simulationTimeoutMs);
      const path = `/${part(tenant)}/campaigns/${part(id)}/simulate`;
      return ask(path, simulation, { ...posted(body), signal });
    },
    actOnTenant: (tenant: string, act: 'hold' | 'release', body: Reasoned) =>
      post(`/${part(tenant)}/${act}`, body),
    suppress: (tenant: string, body: Reasoned & { customerIds: string[] }) =>
      post(`/${part(tenant)}/suppressions`, body),
    unsuppress: (tenant: string, body: Reasoned & { customerIds: string[] }) =>
      post(`/${part(tenant)}/suppressions/remove`, body),
  };
}

export type CampaignAct = 'hold' | 'release' | 'cancel' | 'retry';

export interface ToReconcile {
  campaignId?: string;
  date?: string;
  repair?: boolean;
}

interface Reasoned {
  reason: string;
  force?: boolean;
}

const part = encodeURIComponent;

function refused(url: string, status: number, body: unknown): Failure {
  if (status === 401) {
    return new Failure(`${url} does not know this key: PROMOFLOW_KEY is no operator key there.`, 2);
  }
  const read = problem.safeParse(body);
  const detail = read.data?.detail ?? read.data?.title ?? 'it did not say why';
  return new Failure(`${url} answered ${status}: ${detail}`);
}
