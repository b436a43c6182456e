import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Verdict } from '../sandbox/verdict.ts';
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

/** The sandbox with one campaign that nobody was told of yet. */
export async function startSandbox(
  folder: string,
  wish: { customers: number; ids: 'sequential' | 'uuid'; isLimited: boolean },
) {
  const { customers, ids, isLimited } = wish;
  const sandbox = await openSandbox(folder, sandboxSection(isLimited));
  const { control } = sandbox;
  const created = await control<{ campaignId: number }>('POST', 'campaigns', {
    customers,
    ids,
    deadlineInSeconds,
  });
  const campaignId = String(created.campaignId);
  return {
    ...sandbox,
    campaignId,
    /** Sends event 5. */
    announce: (hookUrl: string) =>
      control<unknown>('POST', `campaigns/${campaignId}/announce`, { hookUrl }),
    /** Throws where the books show a violation: a wrong campaign is not worth timing. */
    async books(): Promise<Books> {
      const { arrivals } = await control<{ arrivals: number[] }>('GET', 'traffic');
      const verdict = await control<Verdict>('GET', `campaigns/${campaignId}/verdict`);
      if (verdict.violationCount > 0) {
        throw new Error(`The sandbox found violations:\n${verdict.violations.join('\n')}`);
      }
      return { verdict, limitedCalls: arrivals.length };
    },
  };
}
