import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignOptions } from '../sandbox/campaign.ts';
import type { Verdict } from '../sandbox/verdict.ts';
import type { Delivery } from '../sandbox/webhooks.ts';
import { startProgram } from './campaign-processes.ts';
import { deadlineInSeconds, sandboxSection, tenant } from './campaign-tenant.ts';

/** What the sandbox has to say of a campaign that is over. */
export interface Books {
  verdict: Verdict;
  /** Calls that Optimove's allowance counts: Promotions shares it. */
  limitedCalls: number;
}

export type Sandbox = Awaited<ReturnType<typeof openSandbox>>;

/** A sandbox in a process of its own that plays one tenant's far sides. */
export async function openSandbox(
  folder: string,
  section: ReturnType<typeof sandboxSection>,
  name = tenant,
) {
  const config = join(folder, `sandbox-${name}.json`);
  writeFileSync(config, JSON.stringify({ tenants: { [name]: section } }));
  const { pid, said, stop } = await startProgram({
    main: 'sandbox/main.ts',
    args: ['--port', '0', '--config', config],
    ready: /sandbox at (\S+),/,
  });
  return {
    tenant: name,
    url: said,
    pid,
    stop,
    async control<A>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<A> {
      const answer = await fetch(`${said}/control/${name}/${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}: ${text}`);
      return JSON.parse(text);
    },
  };
}

/** A tenant whose far sides are played, and where promoflow takes its webhooks. */
export interface Played {
  sandbox: Sandbox;
  hookUrl: string;
}

/** Makes a scheduled campaign that nobody is told of yet. Returns its id. */
export async function createCampaign(
  { sandbox }: Pick<Played, 'sandbox'>,
  campaign: CampaignOptions,
): Promise<string> {
  const created = await sandbox.control<{ campaignId: number }>('POST', 'campaigns', campaign);
  return String(created.campaignId);
}

/**
 * Has Optimove put a campaign on hold (event 5), send it (event 13) or delete it (event 4). Returns what became of
 * the webhook; throws where promoflow did not take it.
 */
export async function order(
  { sandbox, hookUrl }: Played,
  campaignId: string,
  what: 'announce' | 'execute' | 'cancel',
): Promise<Delivery> {
  const path = `campaigns/${campaignId}/${what}`;
  const [delivery] = await sandbox.control<Delivery[]>('POST', path, { hookUrl });
  if (delivery?.status === 200) return delivery;
  throw new Error(`promoflow did not take the webhook: ${delivery?.status ?? delivery?.error}`);
}

/** The sandbox with one campaign that nobody was told of yet. */
export async function startSandbox(
  folder: string,
  wish: { customers: number; ids: 'sequential' | 'uuid'; isLimited: boolean },
) {
  const { customers, ids, isLimited } = wish;
  const sandbox = await openSandbox(folder, sandboxSection(isLimited));
  const campaignId = await createCampaign({ sandbox }, { customers, ids, deadlineInSeconds });
  return {
    ...sandbox,
    campaignId,
    /** Sends event 5. */
    announce: (hookUrl: string) => order({ sandbox, hookUrl }, campaignId, 'announce'),
    books: () => booksOf(sandbox, campaignId),
  };
}

/** Throws where the books show a violation: a wrong campaign is not worth timing. */
export async function booksOf({ control }: Sandbox, campaignId: string): Promise<Books> {
  const { arrivals } = await control<{ arrivals: number[] }>('GET', 'traffic');
  const verdict = await control<Verdict>('GET', `campaigns/${campaignId}/verdict`);
  if (verdict.violationCount > 0) {
    throw new Error(`The sandbox found violations:\n${verdict.violations.join('\n')}`);
  }
  return { verdict, limitedCalls: arrivals.length };
}
