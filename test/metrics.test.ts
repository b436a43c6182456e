import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHealthDoor } from '../src/gateway/health.ts';
import { createInbox } from '../src/ledger/inbox.ts';
import { createPool } from '../src/ledger/pool.ts';
import { haltTenant } from '../src/ledger/tenants.ts';
import { createTurns } from '../src/limiter/turns.ts';
import { createMetrics } from '../src/metrics.ts';
import { acme } from './gateway/doors.ts';
import { openLedger, rowsOf, runningCampaign, type TestLedger } from './ledger/ledger.ts';

let ledger: TestLedger;
const lines: string[] = [];
const note = (facts: object, message: string) => {
  lines.push(`${message}: ${Object.values(facts).join()}`);
};
const log = { info: note, warn: note, error: note };
const tenants = new Map([['acme', acme()]]);

beforeAll(async () => {
  ledger = await openLedger(4);
});
afterAll(() => ledger.close());

/** Samples by name and labels, as Prometheus reads them; those of Node's own left out. */
async function scrape(metrics = createMetrics({ pool: ledger.pool, tenants, log })) {
  const text = await metrics.text();
  const ours = [...text.matchAll(/^(promoflow_\w+(?:\{[^}]*\})?) (\S+)$/gm)];
  return Object.fromEntries(ours.map(([, name = '', value]) => [name, Number(value)]));
}

describe('the figures of a process', () => {
  it('count effects by stage and outcome, and assignments that passed', async () => {
    const metrics = createMetrics({ pool: ledger.pool, tenants, log });
    const of = { tenant: 'acme', stage: 'allocate' };
    metrics.turnCame(of, 300);
    metrics.effectEnded({ ...of, outcome: 'done' }, { assignments: 9_000, tookMs: 80 });
    metrics.effectEnded({ ...of, outcome: 'unknown' }, { assignments: 1_000, tookMs: 30_000 });
    expect(await scrape(metrics)).toMatchObject({
      'promoflow_effects_total{tenant="acme",stage="allocate",outcome="done"}': 1,
      'promoflow_effects_total{tenant="acme",stage="allocate",outcome="unknown"}': 1,
      'promoflow_assignments_total{tenant="acme",stage="allocate"}': 9_000,
      'promoflow_turn_wait_seconds_sum{tenant="acme",stage="allocate"}': 0.3,
      'promoflow_effect_duration_seconds_sum{tenant="acme",stage="allocate"}': 30.08,
    });
  });

  it('tell what the ledger knows of tenants, campaigns and the limiter', async () => {
    const id = { tenant: 'acme', campaignId: '70412' };
    const { ref } = await runningCampaign(ledger.pool, rowsOf(20), { id });
    await ledger.pool.query(
      `insert into effect (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until)
       values ($1, 1, 'approve', 1, 'k', 'h', '{[1,21)}', '{}', now() - interval '1 h', now() - interval '1 h')`,
      [ref],
    );
    await createInbox(ledger.pool).record({
      ...{ tenant: 'acme', raw: '{}', type: 5, campaignId: '1', status: 'due', reason: undefined },
    });
    await ledger.pool.query(`update inbox set received_at = received_at - interval '90 s'`);
    const limit = { bucket: 'acme/optimove', requests: 50, perMs: 10_000, spaced: false };
    const rank = { class: 'bulk', deadline: Date.now(), stage: 1 } as const;
    await createTurns({ pool: ledger.pool }).turn(limit, rank, new AbortController().signal);

    const told = await scrape();
    expect(told).toMatchObject({
      promoflow_ledger_up: 1,
      'promoflow_campaigns_open{tenant="acme"}': 1,
      'promoflow_tenant_halted{tenant="acme"}': 0,
      'promoflow_unknown_effects{tenant="acme",stage="report"}': 1,
      'promoflow_unknown_effects{tenant="acme",stage="allocate"}': 0,
      'promoflow_inbox_due{tenant="acme"}': 1,
      'promoflow_limiter_allowance{bucket="acme/optimove"}': 50,
      'promoflow_limiter_taken{bucket="acme/optimove"}': 1,
      'promoflow_campaign_customers{tenant="acme",campaign="70412"}': 20,
      'promoflow_campaign_finished_customers{tenant="acme",campaign="70412"}': 0,
      'promoflow_campaign_calls_left{tenant="acme",campaign="70412"}': 3,
      'promoflow_campaign_forecast_late_seconds{tenant="acme",campaign="70412"}': 0,
      'promoflow_campaign_stands_still{tenant="acme",campaign="70412"}': 0,
    });
    expect(told['promoflow_inbox_lag_seconds{tenant="acme"}']).toBeGreaterThan(89);
    const left = told['promoflow_campaign_time_left_seconds{tenant="acme",campaign="70412"}'];
    expect(left).toBeGreaterThan(3_500);
    expect(left).toBeLessThanOrEqual(3_600);

    await haltTenant(ledger.pool, 'acme', 'platform', 'a test');
    const halted = await scrape();
    expect(halted).toMatchObject({
      'promoflow_tenant_halted{tenant="acme"}': 1,
      'promoflow_campaign_stands_still{tenant="acme",campaign="70412"}': 1,
    });
    expect(Object.keys(halted).join()).not.toContain('forecast');
  });

  it('read the ledger once, however many ask at once', async () => {
    let readings = 0;
    const pool: pg.Pool = ledger.connect(2);
    pool.on('acquire', () => {
      readings += 1;
    });
    const metrics = createMetrics({ pool, tenants, log });
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    await metrics.text();
    expect(readings).toBe(1);
  });

  it('come without the ledger while it is away, and say so', async () => {
    // Port 9 (discard) has no listener.
    const pool = createPool('postgres://nobody@127.0.0.1:9/nothing', 1);
    const metrics = createMetrics({ pool, tenants, log });
    metrics.countHook('acme', 503);
    const told = await scrape(metrics);
    expect(told).toMatchObject({
      promoflow_ledger_up: 0,
      'promoflow_webhooks_total{tenant="acme",status="503"}': 1,
    });
    expect(Object.keys(told).filter((name) => name.includes('campaign'))).toEqual([]);
    expect(lines.at(-1)).toMatch(/^the ledger tells no figures: .*ECONNREFUSED/);
    await pool.end();
  });

  it('do not wait for a ledger that hangs', async () => {
    const pool = ledger.connect(1);
    const taken = await pool.connect();
    expect(await scrape(createMetrics({ pool, tenants, log }))).toEqual({ promoflow_ledger_up: 0 });
    expect(lines.at(-1)).toBe('the ledger tells no figures: no answer within 2500 ms');
    taken.release();
  });

  it('hold what other sources in the process tell, and do without one that fails', async () => {
    const metrics = createMetrics({ pool: ledger.pool, tenants, log });
    metrics.join(async () => 'temporal_num_pollers 2\n');
    metrics.join(async () => Promise.reject(new Error('gone')));
    expect(await metrics.text()).toMatch(/\npromoflow_ledger_up 1\n.*\ntemporal_num_pollers 2\n$/s);
  });
});

describe('a worker apart', () => {
  it('answers health and figures at a door of its own', async () => {
    const metrics = createMetrics({ pool: ledger.pool, tenants, log });
    const deps = {
      ...{ metrics, log, ledgerMissing: async () => undefined },
      temporalMissing: async () => 'Temporal does not answer',
    };
    const door = await openHealthDoor(deps, { host: '127.0.0.1', port: 0 });
    const ask = (path: string) => fetch(`${door.url}${path}`);
    expect((await ask('/healthz')).status).toBe(200);
    expect(await (await ask('/readyz')).json()).toMatchObject({ status: 503 });
    expect(await (await ask('/metrics')).text()).toContain('\npromoflow_ledger_up 1\n');
    expect((await ask('/api/tenants')).status).toBe(404);
    await door.stop();
  });
});

describe('docs/operations.md', () => {
  it('has every figure', async () => {
    const text = await createMetrics({ pool: ledger.pool, tenants, log }).text();
    const registered = [...text.matchAll(/^# TYPE (promoflow_\w+) /gm)].map(([, name]) => name);
    const table = readFileSync('docs/operations.md', 'utf8');
    const written = [...table.matchAll(/^\| `(promoflow_\w+)` \|/gm)].map(([, name]) => name);
    expect(written.toSorted()).toEqual(registered.toSorted());
  });
});
