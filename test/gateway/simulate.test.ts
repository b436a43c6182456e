import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { createWorld } from '../../src/adapters/world.ts';
import type { TenantSettings } from '../../src/domain/tenant.ts';
import type { Simulation } from '../../src/gateway/api/simulation-shapes.ts';
import { campaignOf } from '../../src/ledger/campaigns.ts';
import { claimBatch } from '../../src/ledger/columns.ts';
import { suppress } from '../../src/ledger/suppressions.ts';
import { haltTenant, learnSize } from '../../src/ledger/tenants.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import { screen } from '../../src/stages/screen.ts';
import type { Rank, World } from '../../src/world.ts';
import { plan, row, runningCampaign } from '../ledger/ledger.ts';
import { decideCampaign } from './decided-campaign.ts';
import { acme, type Doors, openDoors, operatorKey } from './doors.ts';

const base = '/api/tenants/acme/campaigns';

let sandbox: Sandbox;
let doors: Doors;
const tenants = new Map<string, TenantSettings>();
const worlds = new Map<string, World>();
const ranks: Rank[] = [];
beforeEach(async () => {
  sandbox = await startSandbox({ tenants: { acme: { timeZone: 'Europe/Malta' } } });
  settle({});
  doors = await openDoors({ tenants, worlds });
});
afterEach(async () => {
  await doors.close();
  await sandbox.close();
});

/** Acme before the sandbox, with these settings besides. */
function settle(change: {
  promotions?: object | false;
  scheduled?: { conditional?: string; activation?: string; codes?: string };
  platform?: object;
  limits?: object;
  optimove?: object;
  more?: object;
}): TenantSettings {
  const { optimove, promotions, data, publisher, platform } = sandbox.urls('acme');
  const isPublished = change.scheduled?.conditional === 'publisher';
  const isUploaded = change.scheduled === undefined || 'codes' in change.scheduled;
  const settings = acme({
    optimove: { baseUrl: optimove, apiKey: 'sandbox-optimove-key', ...change.optimove },
    ...(change.promotions !== false && {
      promotions: {
        ...{ baseUrl: promotions, apiKey: 'sandbox-promotions-key' },
        ...change.promotions,
      },
    }),
    apiKeys: ['key-of-the-shop'],
    ...(isPublished && { publisher: { baseUrl: publisher, apiKey: 'sandbox-publisher-key' } }),
    ...(isUploaded && {
      dataConnection: { baseUrl: data, connectionId: 'rewards', apiKey: 'd', brandKey: 'b' },
    }),
    platform: {
      ...{ baseUrl: platform, secret: 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=' },
      ...{ screening: true, ...change.platform },
    },
    scheduled: change.scheduled ?? {},
    limits: change.limits ?? {},
    ...change.more,
  });
  ranks.length = 0;
  tenants.set('acme', settings);
  worlds.set(
    'acme',
    createWorld(settings, {
      async turn(_limit, rank) {
        ranks.push(rank);
        return { answered: async () => {}, pause: async () => {} };
      },
      onUnauthorized: async (farSide, message) => {
        await haltTenant(doors.pool, 'acme', farSide, message);
      },
    }),
  );
  return settings;
}

async function ask(id: string, body: unknown = {}) {
  const response = await doors.act(`${base}/${id}/simulate`, body, operatorKey);
  return { status: response.status, told: JSON.parse(await response.text()) };
}

async function simulate(id: string, body: unknown = {}): Promise<Simulation> {
  const { status, told } = await ask(id, body);
  expect({ status, told }).toMatchObject({ status: 200 });
  return told;
}

const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

function callsOf(simulation: Simulation): Record<string, number> {
  return Object.fromEntries(simulation.calls.map(({ kind, calls }) => [kind, calls]));
}

/** Every row of the ledger, counted and digested by table. */
async function ledgerNow(): Promise<unknown> {
  const { rows } = await doors.pool.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  );
  return Promise.all(
    rows.map(async ({ name }) => {
      const digest = `select count(*), md5(string_agg(t::text, '|' order by t::text)) from "${name}" t`;
      return [name, (await doors.pool.query(digest)).rows];
    }),
  );
}

const brought = { customers: [{ customerId: 'c1', promoCodes: ['SPRING25'] }] };

describe('a simulation', () => {
  it('tells what a campaign would do, and neither spends nor writes anything', async () => {
    settle({ limits: { maxRewardTotal: { 'free-spins': 1_000 } } });
    const id = sandbox.createCampaign('acme', {
      ...{ customers: 12_000, malformedRows: 2, duplicateShare: 0.01, severalCodesShare: 1 },
      codes: ['SPRING25', 'FS10'],
    });
    const before = await ledgerNow();
    const told = await simulate(id, { deadline: inMinutes(30) });
    const verdict = sandbox.verdict('acme', id);

    expect(told).toMatchObject({
      ...{ campaignId: id, flow: 'managed', source: 'optimove' },
      audience: { customers: 12_000, batches: 2, malformed: 2, targeted: 12_000 },
      unknownCodes: [],
      guards: [{ limit: 'maxRewardTotal', holds: 'after_validation' }],
      verdict: expect.stringMatching(/^It would be decided 29 minutes before its stop\.$/),
    });
    expect(told.audience.controls).toBeGreaterThan(500);
    const { promoCodes, customers } = told.passed;
    const denied = told.screenedOut['self_excluded'] ?? 0;
    expect(denied).toBeGreaterThan(100);
    expect(promoCodes).toEqual({ SPRING25: customers, FS10: customers });
    expect(2 * customers + denied).toBe(24_000);
    expect(callsOf(told)).toMatchObject({
      ...{ details: 1, audience: 2, screenings: 2, promocodes: 2, validations: 4 },
      ...{ allocations: 3, uploads: 3, reports: 2, redemptions: 24 },
    });
    expect(Object.keys(verdict.tenantCalls).toSorted()).toEqual([
      'audience',
      'code',
      'details',
      'screenings',
    ]);
    expect(await ledgerNow()).toEqual(before);
  });

  it('goes behind everything that has a deadline', async () => {
    const id = sandbox.createCampaign('acme', { customers: 100 });
    await simulate(id);
    expect(ranks.length).toBeGreaterThan(2);
    expect(
      new Set(ranks.map((rank) => JSON.stringify({ ...rank, deadline: `${rank.deadline}` }))),
    ).toEqual(new Set([JSON.stringify({ class: 'bulk', deadline: 'Infinity', stage: 0 })]));
  });

  it('screens out whom the screen of a run does, for the same reasons', async () => {
    await decideCampaign(doors.pool, 'earlier');
    await suppress(doors.pool, 'acme', ['c1', 'C2'], {
      by: 'duty',
      reason: 'excluded',
      request: 'r',
    });
    const rows = [
      ...['C1', 'C2', 'C3', 'C4', 'c1', 'c2', 'c3', 'left-out'].map((id) =>
        row(id, 'SPIN20', 'FS10'),
      ),
      row('C1', 'SPIN20'),
      row('bare'),
    ];
    const onlyCustomers = ['C1', 'C2', 'C3', 'C4', 'c1', 'c2', 'c3', 'bare'];
    for (const codes of ['all', 'any'] as const) {
      const limits = { onlyCustomers, perCustomer: { sameCodeDays: 7 } };
      const settings = settle({ limits, scheduled: { codes } });
      const world = worlds.get('acme');
      if (!world) throw new Error('acme has its far sides');
      const platform = {
        ...world.platform,
        screen: async () => new Map([['c2', 'self_excluded']]),
      };
      worlds.set('acme', { ...world, platform });

      const told = await simulate(`later-${codes}`, {
        customers: rows.map(({ customerId, promoCodes }) => ({ customerId, promoCodes })),
      });

      const { ref } = await runningCampaign(doors.pool, rows, {
        id: { tenant: 'acme', campaignId: `run-${codes}` },
        plan: { codes, limits: settings.limits },
      });
      const batch = await claimBatch(doors.pool, ref, 1);
      await screen({
        ...{ pool: doors.pool, world: { ...world, platform }, batch },
        ...{
          campaign: await campaignOf(doors.pool, ref),
          plan: { ...plan, codes, limits: settings.limits },
        },
        ...{ turns: createTurns({ pool: doors.pool }), signal: AbortSignal.timeout(60_000) },
        log: { info: () => {}, warn: () => {}, error: () => {} },
        metrics: { turnCame: () => {}, effectEnded: () => {} },
      });
      const { members } = await claimBatch(doors.pool, ref, 1);
      const reasons = Map.groupBy(
        members.filter(({ state }) => state === 'screened_out'),
        ({ reason }) => reason ?? '',
      );
      const screenedOut = [...reasons].map(([reason, ones]) => [reason, ones.length]);
      expect(told.screenedOut).toEqual(Object.fromEntries(screenedOut));
      expect(Object.keys(told.screenedOut).length).toBe(4);
      const passed = members.filter(({ state }) => state === 'screened' || state === 'cleared');
      expect(told.passed.customers).toBe(new Set(passed.map((one) => one.customerId)).size);
      expect(told.passed.withoutCode).toBe(1);
    }
  });

  it('asks nobody for an audience that the ledger has collected', async () => {
    const id = { tenant: 'acme', campaignId: '555' };
    await runningCampaign(doors.pool, [row('c1', 'SPRING25'), row('c2', 'SPRING25', 'FS10')], {
      id,
    });
    settle({ scheduled: { conditional: 'shadow' }, platform: { screening: false } });
    const told = await simulate('555');
    expect(told).toMatchObject({
      ...{ source: 'ledger', flow: 'shadow' },
      audience: { customers: 2, controls: null, malformed: null },
      passed: { customers: 2, promoCodes: { SPRING25: 2, FS10: 1 } },
      notes: expect.arrayContaining([expect.stringContaining('this is what managed would do')]),
      verdict: expect.stringMatching(/^It would be decided .* before its stop\.$/),
    });
    expect(Object.keys(sandbox.traffic('acme').calls)).toEqual(['code']);
  });

  it('holds the calls against the sizes that far sides have taught, and teaches none itself', async () => {
    const id = sandbox.createCampaign('acme', {
      customers: 1_000,
      codes: ['SPRING25'],
      deniedShare: 0,
    });
    settle({ platform: { screening: false }, more: { dataConnection: undefined } });
    await decideCampaign(doors.pool, 'earlier');
    await learnSize(doors.pool, 'acme', 'promotions', 300);
    await learnSize(doors.pool, 'acme', 'platform', 400);
    const calls = callsOf(await simulate(id));
    expect(calls).toMatchObject({ validations: 4, allocations: 3, redemptions: 1 });
    expect(calls).not.toHaveProperty('uploads');
  });

  it.each([
    ['refuse', 'refused', 0, /^It would be decided/],
    ['hold', 'held', 1, /^It would be held for a person \(unknownCodes\)\. Released at once:/],
  ])(
    'follows promotions.unknownCodes (%s): a code nobody knows would be %s',
    async (unknownCodes, follows, guards, verdict) => {
      settle({ promotions: { unknownCodes } });
      const told = await simulate('77', {
        customers: [
          { customerId: 'c1', promoCodes: ['NEW'] },
          { customerId: 'c2', promoCodes: ['SPRING25'] },
        ],
        deadline: inMinutes(5),
      });
      expect(told).toMatchObject({ unknownCodes: [{ promoCode: 'NEW', assignments: 1, follows }] });
      expect(told.guards).toHaveLength(guards);
      expect(told.verdict).toMatch(verdict);
      expect(callsOf(told)).toMatchObject({ promocodes: 2, validations: 1, allocations: 1 });
    },
  );

  it('says by how much it would be late, and what to do', async () => {
    const rateLimit = { requests: 1, perSeconds: 10 };
    settle({
      optimove: { rateLimit },
      limits: { maxAudience: 50 },
      platform: { screening: false },
    });
    const id = sandbox.createCampaign('acme', { customers: 100, codes: ['SPRING25'] });
    const told = await simulate(id, { deadline: inMinutes(1) });
    expect(callsOf(told)).toMatchObject({
      details: 1,
      audience: 1,
      promocodes: 1,
      validations: 1,
      reports: 1,
    });
    expect(told).toMatchObject({
      needsMs: 50_000,
      allowances: [{ bucket: 'acme/optimove', calls: 5, needsMs: 50_000 }],
      guards: [{ limit: 'maxAudience', holds: 'surely' }],
    });
    expect(told.outlook?.marginMs).toBeLessThan(-19_000);
    expect(told.verdict).toMatch(
      /^It would be held for a person \(maxAudience\)\. Released at once: It would be late by 2\d seconds: .* announce it at least 1 minute 20 seconds before .* acme\/optimove \(now 1 requests in 10 s\)/,
    );
  });

  it('knows no deadline where nobody told one', async () => {
    const told = await simulate('77', brought);
    expect(told).toMatchObject({ source: 'file', outlook: null });
    expect(told.verdict).toContain('Its deadline is not known');
  });

  it.each([
    [
      { conditional: 'publisher' },
      { publications: 1, awards: 1, allocations: 1, redemptions: 1 },
      'after',
    ],
    [{ activation: 'claimed' }, { reports: 1, promocodes: 1 }, undefined],
  ])('goes the way of %j', async (scheduled, calls, allocated) => {
    settle({ scheduled, platform: { screening: false } });
    const told = await simulate('77', brought);
    expect(callsOf(told)).toEqual({ details: 1, audience: 2, promocodes: 1, ...calls });
    expect(told.calls.find(({ kind }) => kind === 'allocations')?.when).toBe(allocated);
  });

  it('reads on where an answer was lost', async () => {
    const id = sandbox.createCampaign('acme', { customers: 100 });
    const rule = { fault: '503', retryAfterSeconds: 0, toCall: 1 } as const;
    sandbox.setFaults('acme', [
      { ...rule, kind: 'audience' },
      { ...rule, kind: 'screenings' },
    ]);
    expect(await simulate(id)).toMatchObject({ audience: { customers: 100 } });
    expect(sandbox.traffic('acme').faults).toEqual({
      'audience 503': 1,
      'screenings 503': 1,
    });
  });
});

describe('a simulation is refused', () => {
  it.each([
    [
      'of a campaign that Optimove does not know',
      '99',
      {},
      404,
      /does not know the campaign 99.*bring a file/,
    ],
    [
      'with a deadline that is over',
      '99',
      { deadline: '2020-01-01T00:00:00Z' },
      400,
      /still to come/,
    ],
    [
      'with a deadline without a zone',
      '99',
      { deadline: '2030-01-01T00:00:00' },
      400,
      /with Z or an offset/,
    ],
    [
      'with a customer without an id',
      '99',
      { customers: [{ customerId: '' }] },
      400,
      /customers\/0\/customerId/,
    ],
    ['with what it does not know', '99', { dealine: '1' }, 400, /dealine/],
  ])('%s', async (_name, id, body, status, sentence) => {
    expect(await ask(id, body)).toMatchObject({
      status,
      told: { detail: expect.stringMatching(sentence) },
    });
  });

  it('with more customers than it takes', async () => {
    const customers = Array.from({ length: 100_001 }, (_, index) => ({ customerId: `c${index}` }));
    const { status, told } = await ask('99', { customers });
    expect(status).toBe(400);
    expect(told.detail).toContain('at most 100,000 customers: bring some of them');
  });

  it('while the tenant is halted, also by what it asked itself', async () => {
    sandbox.breakKey('acme', true);
    const id = sandbox.createCampaign('acme', { customers: 100 });
    for (const _ of ['asked', 'told']) {
      expect(await ask(id)).toMatchObject({
        status: 409,
        told: { detail: expect.stringMatching(/^acme is halted: optimove .*Mend the key/) },
      });
    }
    expect(sandbox.traffic('acme').unauthorized).toBe(1);
  });

  it('while another is under way', async () => {
    const world = worlds.get('acme');
    if (!world) throw new Error('acme has its far sides');
    const isScreening = Promise.withResolvers<void>();
    const goesOn = Promise.withResolvers<void>();
    const screens = async () => {
      isScreening.resolve();
      await goesOn.promise;
      return new Map<string, string>();
    };
    worlds.set('acme', { ...world, platform: { ...world.platform, screen: screens } });
    const first = ask('77', brought);
    await isScreening.promise;
    expect(await ask('77', brought)).toMatchObject({
      status: 503,
      told: { detail: expect.stringContaining('Another simulation is under way') },
    });
    goesOn.resolve();
    expect((await first).status).toBe(200);
    expect((await ask('77', brought)).status).toBe(200);
  });
});
