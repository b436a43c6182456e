import { randomBytes } from 'node:crypto';
import type { Flow } from '../src/domain/flow.ts';
import { createPool, type Pool } from '../src/ledger/pool.ts';
import { whileAlive } from './campaign-run.ts';
import { openSandbox, type Played, type Sandbox } from './campaign-sandbox.ts';
import {
  documentedLimit,
  noLimit,
  sandboxSection,
  scheduled,
  tenant,
  tenantSection,
} from './campaign-tenant.ts';
import { withFolder } from './folder.ts';
import { type Promoflow, startPromoflow } from './promoflow.ts';

/** The flows that are measured; nothing follows on a shadow. */
export type BenchFlow = Exclude<Flow, 'shadow'>;

/** promoflow with a tenant of one flow, each part a process of its own. */
export interface FlowsPlace extends Played {
  ledger: Pool;
  promoflow: Promoflow;
  /** The processes whose time counts, by their names. */
  pids: Record<string, number>;
  /** Another tenant, with a key of its own. */
  other: Played | undefined;
}

export interface FlowsWish {
  flow: BenchFlow;
  /** Whether Optimove's allowance is kept, and judged; Promotions shares it. */
  isLimited: boolean;
  hasOther?: boolean;
  /** Where the worker's processor profile goes; measured times are slower with it. */
  profile?: string | undefined;
}

/** Starts promoflow and the sandboxes; ends all of it after `work`, or when a process dies. */
export async function withFlows<T>(
  wish: FlowsWish,
  work: (place: FlowsPlace) => Promise<T>,
): Promise<T> {
  const { flow, isLimited, hasOther, profile } = wish;
  return withFolder(async (folder, onEnd) => {
    const open = async (name: string): Promise<Sandbox> => {
      const opened = await openSandbox(folder, sandboxSection(isLimited), name);
      onEnd(opened.stop);
      return opened;
    };
    const sandbox = await open(tenant);
    const other = hasOther ? await open('other') : undefined;
    const token = randomBytes(16).toString('hex');
    const sectionOf = (of: Sandbox) => ({
      [of.tenant]: tenantSection(of, token, isLimited ? documentedLimit : noLimit, {
        ...flowSection(flow, `${of.url}/${of.tenant}`),
      }),
    });
    const tenants = { ...sectionOf(sandbox), ...(other && sectionOf(other)) };
    const promoflow = await startPromoflow(folder, onEnd, tenants, { worker: profile });
    const { worker, gateway, temporal } = promoflow;
    const ledger = createPool(promoflow.ledger.url, 2);
    onEnd(() => ledger.end());
    const played = (of: Sandbox): Played => ({
      sandbox: of,
      hookUrl: `${promoflow.url}/hooks/${of.tenant}/${token}`,
    });
    const pids = {
      ...{ sandbox: sandbox.pid, Postgres: promoflow.ledger.pid, worker: worker.pid },
      ...{ gateway: gateway.pid, Temporal: temporal.pid },
    };
    const place = { ...played(sandbox), ledger, promoflow, pids, other: other && played(other) };
    return whileAlive(promoflow, work(place));
  });
}

/** What the tenant file says of each flow. */
function flowSection(flow: BenchFlow, base: string): Record<string, unknown> {
  switch (flow) {
    case 'managed':
      return {};
    case 'publisher':
      return {
        publisher: { baseUrl: `${base}/publisher`, apiKey: 'sandbox-publisher-key' },
        scheduled: { ...scheduled, conditional: 'publisher' },
      };
    case 'automatic':
      return { scheduled: { ...scheduled, conditional: 'off', executed: 'assignments' } };
    case 'executions':
      return {
        promotions: undefined,
        scheduled: { ...scheduled, conditional: 'off', executed: 'executions' },
      };
  }
}
