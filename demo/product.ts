import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Sandbox } from '../sandbox/sandbox.ts';

/** The tenant the demo plays; the sandbox knows its keys. */
export const tenant = 'acme';

const start = fileURLToPath(new URL('../src/start.ts', import.meta.url));

/** A first start may have to build the Temporal dev server. */
const readyWithinMs = 15 * 60_000;

/** promoflow itself, as `npm start` runs it: a process of its own with a tenant file of its own. */
export interface Product {
  sandbox: Sandbox;
  url: string;
  webUi: string;
  hookUrl: string;
  gateUrl: string;
  claimsUrl: string;
  /** The key under which the tenant's shop claims. */
  shopKey: string;
  databaseUrl: string;
  /** What the operator API says of a campaign; undefined before it was announced. */
  read(campaignId: string): Promise<Reading | undefined>;
  /** Rejects when promoflow ends by itself. */
  died: Promise<never>;
  stop(): Promise<void>;
}

/** The part of the operator API's answer that the demo shows. */
export interface Reading {
  phase: string;
  held: string | null;
  /** How it ended; null while it has not. */
  summary: Record<string, unknown> | null;
  counts: {
    customers: number;
    approved: number;
    denied: number;
    unknown: number;
    states: Record<string, number>;
    redemptions: Record<string, number>;
  };
}

/**
 * Starts promoflow on a fresh data folder against the sandbox, and waits until it is ready. What `section`
 * says is laid over the tenant's.
 */
export async function startProduct(
  sandbox: Sandbox,
  say: (line: string) => void,
  section: Record<string, unknown> = {},
): Promise<Product> {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-demo-'));
  const secrets = { operator: secret(), hook: secret(), shop: secret() };
  const config = join(folder, 'promoflow.yaml');
  writeFileSync(config, stringify(tenantFile(sandbox, secrets, section)), { mode: 0o600 });
  const child = spawn(process.execPath, [start], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PROMOFLOW_CONFIG: config,
      PROMOFLOW_DATA: join(folder, 'data'),
      PROMOFLOW_PORT: '0',
      LOG_LEVEL: 'info',
    },
  });
  const lastWords = listen(child, say);
  const died = new Promise<never>((_, reject) => {
    child.once('exit', (code) => {
      reject(new Error(`promoflow ended with ${code}:\n${lastWords()}`));
    });
  });
  died.catch(() => {});
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const note = await Promise.race([readNote(join(folder, 'data', 'gateway.json')), died]);
    const headers = { authorization: `Bearer ${secrets.operator}` };
    return {
      ...note,
      sandbox,
      hookUrl: `${note.url}/hooks/${tenant}/${secrets.hook}`,
      gateUrl: `${note.url}/gate/${tenant}/${secrets.hook}`,
      claimsUrl: `${note.url}/claims/${tenant}`,
      shopKey: secrets.shop,
      async read(campaignId) {
        const answer = await fetch(`${note.url}/api/tenants/${tenant}/campaigns/${campaignId}`, {
          headers,
        });
        return answer.ok ? ((await answer.json()) as Reading) : undefined;
      },
      died,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}

function tenantFile(
  sandbox: Sandbox,
  secrets: { operator: string; hook: string; shop: string },
  section: Record<string, unknown>,
): unknown {
  const urls = sandbox.urls(tenant);
  return {
    operatorKeys: [{ name: 'demo', key: secrets.operator, role: 'operate' }],
    tenants: {
      [tenant]: {
        timeZone: 'Europe/Malta',
        webhookToken: secrets.hook,
        apiKeys: [secrets.shop],
        optimove: { baseUrl: urls.optimove, apiKey: 'sandbox-optimove-key' },
        promotions: { baseUrl: urls.promotions, apiKey: 'sandbox-promotions-key' },
        platform: {
          baseUrl: urls.platform,
          secret: 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=',
          screening: true,
        },
        scheduled: { redeemEveryMinutes: 0 },
        ...section,
      },
    },
  };
}

/** Passes on what promoflow says, and keeps the end of it for the case that it dies. */
function listen(child: ChildProcess, say: (line: string) => void): () => string {
  let last = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = (last + text).slice(-4_000);
    for (const line of text.trimEnd().split('\n')) say(line);
  });
  return () => last;
}

async function readNote(file: string): Promise<Pick<Product, 'url' | 'webUi' | 'databaseUrl'>> {
  for (const giveUpAt = Date.now() + readyWithinMs; Date.now() < giveUpAt; await delay(100)) {
    try {
      const note = JSON.parse(readFileSync(file, 'utf8'));
      const ready = await fetch(`${note.url}/readyz`);
      if (ready.ok) return note;
    } catch {
      // Not there yet.
    }
  }
  throw new Error('promoflow was not ready in time');
}
