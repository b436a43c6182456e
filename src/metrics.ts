import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { callLimits, type Forecast, forecasts, type Pace } from './domain/forecast.ts';
import type { TenantSettings } from './domain/tenant.ts';
import {
  type BucketFigures,
  type Figures,
  readFigures,
  type TenantFigures,
} from './ledger/figures.ts';
import { stageOf } from './stages/diary.ts';
import type { Log, Meter } from './world.ts';

// All names stand in this one module, as tables at its end: hence its length.

export type Metrics = ReturnType<typeof createMetrics>;

/** Facts of the ledger are read again after this, milliseconds, however often somebody asks. */
const freshMs = 5_000;
/** A scrape waits for the ledger this long, milliseconds, and then goes without it. */
const patienceMs = 2_500;

interface MetricsDeps {
  pool: pg.Pool;
  /** The tenants as configured now. */
  tenants: ReadonlyMap<string, TenantSettings>;
  log: Log;
}

/**
 * The figures of one process, in a registry of its own: what this process did is counted where it
 * happens, what the ledger knows is read when somebody asks, and tells the same in every process.
 */
export function createMetrics(deps: MetricsDeps) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counts = createCounts(registry);
  const refresh = createLedgerGauges(registry, deps);
  const joined: (() => Promise<string>)[] = [];
  return {
    ...counts,
    /** Adds what another source in this process tells, as Prometheus reads it. */
    join: (source: () => Promise<string>): void => void joined.push(source),
    contentType: registry.contentType,
    /** All figures as text. Never rejects: a source that fails is left out. */
    async text(): Promise<string> {
      await refresh();
      const texts = await Promise.all(joined.map((source) => source().catch(() => '')));
      return [await registry.metrics(), ...texts].join('');
    },
  };
}

/** What this process does. */
function createCounts(registry: Registry): Meter & {
  countHook: CountHook;
  countCheck: CountCheck;
  countClaim: CountClaim;
  countUses: CountUses;
} {
  const registers = [registry];
  const byStage = ['tenant', 'stage'] as const;
  // From a quick local call to one that waited for a window of the limiter, or for a slow list.
  const buckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
  const webhooks = new Counter({
    name: 'promoflow_webhooks_total',
    help: 'Requests at the webhook door, by the status they were answered with.',
    labelNames: ['tenant', 'status'],
    registers,
  });
  const effects = new Counter({
    name: 'promoflow_effects_total',
    help: 'Calls that change something, by what became of them.',
    labelNames: [...byStage, 'outcome'],
    registers,
  });
  const assignments = new Counter({
    name: 'promoflow_assignments_total',
    help: 'Assignments that passed a stage by a call that was done.',
    labelNames: byStage,
    registers,
  });
  const durations = new Histogram({
    name: 'promoflow_effect_duration_seconds',
    help: 'From the beginning of an effect until its outcome is known, and written where it was done.',
    labelNames: byStage,
    registers,
    buckets,
  });
  const waits = new Histogram({
    name: 'promoflow_turn_wait_seconds',
    help: "How long an effect waited for the limiter and the ledger's word before it began.",
    labelNames: byStage,
    registers,
    buckets,
  });
  const checks = new Counter({
    name: 'promoflow_checks_total',
    help: 'Checks of the gate, by their answer and why it was given.',
    labelNames: ['tenant', 'allowed', 'cause'],
    registers,
  });
  const checkDurations = new Histogram({
    name: 'promoflow_check_duration_seconds',
    help: 'From the arrival of a check until it was answered.',
    labelNames: ['tenant'],
    registers,
    buckets: [0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5],
  });
  const claims = new Counter({
    name: 'promoflow_claims_total',
    help: 'Claims, by their answer: granted, already_granted, busy, or why they were refused.',
    labelNames: ['tenant', 'answer'],
    registers,
  });
  const claimDurations = new Histogram({
    name: 'promoflow_claim_duration_seconds',
    help: 'From the arrival of a claim until it was answered.',
    labelNames: ['tenant'],
    registers,
    buckets,
  });
  const uses = new Counter({
    name: 'promoflow_uses_total',
    help: 'Rewards that the platform reported as used, by the answer.',
    labelNames: ['tenant', 'answer'],
    registers,
  });
  return {
    countHook: (tenant, status) => webhooks.inc({ tenant, status }),
    countCheck({ tenant, allowed, cause }, tookMs) {
      checks.inc({ tenant, allowed: String(allowed), cause });
      checkDurations.observe({ tenant }, tookMs / 1_000);
    },
    countClaim({ tenant, answer }, tookMs) {
      claims.inc({ tenant, answer });
      claimDurations.observe({ tenant }, tookMs / 1_000);
    },
    countUses: (of, reports) => uses.inc(of, reports),
    turnCame: (of, waitedMs) => waits.observe(of, waitedMs / 1_000),
    effectEnded({ tenant, stage, outcome }, facts) {
      effects.inc({ tenant, stage, outcome });
      durations.observe({ tenant, stage }, facts.tookMs / 1_000);
      if (outcome === 'done') assignments.inc({ tenant, stage }, facts.assignments);
    },
  };
}

type CountHook = (tenant: string, status: number) => void;
type CountCheck = (of: { tenant: string; allowed: boolean; cause: string }, tookMs: number) => void;
type CountUses = (of: { tenant: string; answer: string }, reports: number) => void;
type CountClaim = (of: { tenant: string; answer: string }, tookMs: number) => void;

/** What the ledger knows; returns how it is read anew. One reading at a time; it never rejects. */
function createLedgerGauges(
  registry: Registry,
  { pool, tenants, log }: MetricsDeps,
): () => Promise<void> {
  const up = new Gauge({
    name: 'promoflow_ledger_up',
    help: '1 where the ledger told its figures; with 0 they are left out.',
    registers: [registry],
  });
  const gauges = [
    createGauges(registry, ['tenant'], tenantGauges),
    createGauges(registry, ['tenant', 'stage'], unknownGauges),
    createGauges(registry, ['bucket'], bucketGauges),
    createGauges(registry, ['tenant', 'campaign'], campaignGauges),
  ] as const;
  let reading: Promise<void> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  function show(figures: Figures): void {
    const [ofTenant, ofUnknown, ofBucket, ofCampaign] = gauges;
    for (const one of gauges) one.reset();
    for (const of of figures.tenants) {
      const { tenant, unknownEffects } = of;
      ofTenant.set({ tenant }, of);
      for (const [stage, kinds] of stages) {
        const effects = kinds.map(([kind]) => unknownEffects[kind] ?? 0);
        ofUnknown.set({ tenant, stage }, { effects: effects.reduce((sum, one) => sum + one, 0) });
      }
    }
    for (const settings of tenants.values()) {
      const limits = callLimits(settings);
      for (const { bucket, requests } of Object.values(limits)) {
        const of = figures.buckets.find((one) => one.bucket === bucket);
        ofBucket.set({ bucket }, { requests, ...(of ?? nobodyThere) });
      }
      const paces = figures.paces.filter(({ tenant }) => tenant === settings.tenant);
      for (const { tenant, campaignId, ...forecast } of forecasts(paces, limits)) {
        const pace = paces.find((one) => one.campaignId === campaignId);
        if (pace) ofCampaign.set({ tenant, campaign: campaignId }, { ...pace, ...forecast });
      }
    }
    up.set(1);
  }

  function leaveOut(error: string): void {
    for (const one of gauges) one.reset();
    up.set(0);
    log.warn({ error }, 'the ledger tells no figures');
  }

  async function read(): Promise<void> {
    await readFigures(pool, [...tenants.keys()]).then(show, (error) => leaveOut(String(error)));
    readAt = performance.now();
    reading = undefined;
  }

  return async () => {
    if (performance.now() - readAt < freshMs) return;
    reading ??= read();
    const waiting = new AbortController();
    const patience = delay(patienceMs, 'late', { signal: waiting.signal }).catch(() => 'ended');
    const came = await Promise.race([reading, patience]);
    waiting.abort();
    if (came === 'late') leaveOut(`no answer within ${patienceMs} ms`);
  };
}

const stages = Map.groupBy(Object.entries(stageOf), ([, stage]) => stage);

/** A bucket that the limiter has not met yet. */
const nobodyThere = { taken: 0, waiting: 0, pausedSeconds: 0 };

/** A gauge's name, what it says, and its value; undefined where there is none. */
type Figure<T> = readonly [name: string, help: string, value: (of: T) => number | undefined];

/** Gauges of the same things, shown and forgotten together. */
function createGauges<T, L extends string>(
  registry: Registry,
  labelNames: readonly L[],
  figures: readonly Figure<T>[],
) {
  const all = figures.map(([name, help, value]) => ({
    gauge: new Gauge({ name, help, labelNames, registers: [registry] }),
    value,
  }));
  return {
    reset(): void {
      for (const { gauge } of all) gauge.reset();
    },
    set(labels: Record<L, string>, of: T): void {
      for (const { gauge, value } of all) {
        const measured = value(of);
        if (measured !== undefined) gauge.set(labels, measured);
      }
    },
  };
}

const tenantGauges: Figure<TenantFigures>[] = [
  ['promoflow_tenant_held', '1 while the tenant is on hold.', ({ held }) => Number(held)],
  [
    'promoflow_tenant_halted',
    '1 while a far side does not know our key, and the tenant is halted.',
    ({ halted }) => Number(halted),
  ],
  [
    'promoflow_campaigns_open',
    'Campaigns that a run should be working on.',
    ({ openCampaigns }) => openCampaigns,
  ],
  [
    'promoflow_campaigns_held',
    'Open campaigns that wait for a person.',
    ({ heldCampaigns }) => heldCampaigns,
  ],
  ['promoflow_inbox_due', 'Webhooks whose start is outstanding.', ({ inboxDue }) => inboxDue],
  [
    'promoflow_inbox_lag_seconds',
    'For how long the oldest webhook has waited for its start; 0 where none waits.',
    ({ inboxLagSeconds }) => inboxLagSeconds,
  ],
  [
    'promoflow_inbox_quarantined',
    'Webhooks we could not use.',
    ({ inboxQuarantined }) => inboxQuarantined,
  ],
];

const unknownGauges: Figure<{ effects: number }>[] = [
  [
    'promoflow_unknown_effects',
    'Effects whose answer was lost and that are no longer on the wire.',
    ({ effects }) => effects,
  ],
];

const bucketGauges: Figure<Omit<BucketFigures, 'bucket'> & { requests: number }>[] = [
  ['promoflow_limiter_allowance', 'Requests a window, as configured.', ({ requests }) => requests],
  ['promoflow_limiter_taken', 'Slots of the window that are taken now.', ({ taken }) => taken],
  ['promoflow_limiter_waiting', 'Processes that wait for a slot.', ({ waiting }) => waiting],
  [
    'promoflow_limiter_paused_seconds',
    'For how long a 429 still pauses every process.',
    ({ pausedSeconds }) => pausedSeconds,
  ],
];

const campaignGauges: Figure<Omit<Pace & Forecast, 'tenant' | 'campaignId'>>[] = [
  ['promoflow_campaign_time_left_seconds', 'Until the deadline.', ({ leftMs }) => leftMs / 1_000],
  [
    'promoflow_campaign_forecast_seconds',
    'Until the last report is answered, by forecast; absent where nothing tells.',
    ({ finishesAt, at }) => (finishesAt === undefined ? undefined : (finishesAt - at) / 1_000),
  ],
  [
    'promoflow_campaign_forecast_late_seconds',
    'How much of that is after the stop, from which on nothing is approved.',
    ({ lateByMs }) => (lateByMs === undefined ? undefined : lateByMs / 1_000),
  ],
  [
    'promoflow_campaign_calls_left',
    'Calls still needed for the last report; absent while the audience is not known.',
    ({ callsLeft }) => callsLeft,
  ],
  [
    'promoflow_campaign_calls_per_minute',
    'Calls answered a minute, lately.',
    ({ callsPerMinute }) => callsPerMinute,
  ],
  ['promoflow_campaign_customers', 'Customers of the audience.', ({ customers }) => customers],
  [
    'promoflow_campaign_finished_customers',
    'Customers whose batch has walked its recipe to the end.',
    ({ finishedCustomers }) => finishedCustomers,
  ],
  [
    'promoflow_campaign_stands_still',
    '1 while it is held, or its tenant is held or halted.',
    ({ standsStill }) => Number(standsStill !== undefined),
  ],
];
