import { afterEach, expect, test, vi } from 'vitest';
import type { SandboxOptions } from '../../sandbox/options.ts';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { createWorld } from '../../src/adapters/world.ts';
import { settingsOf, tenantFile } from '../../src/config/tenants.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import { type Doors, openDoors } from '../gateway/doors.ts';
import { openLedger } from '../ledger/ledger.ts';
import { farSidesOf, tenantFileOf, token } from '../whole/tenancy.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Two gateways on one ledger, before a sandbox that fires at both and judges their answers. */
async function play(
  triggered: Record<string, unknown> = {},
  farSides: NonNullable<SandboxOptions['tenants']>[string] = {},
  more: Record<string, unknown> = {},
) {
  const ledger = await openLedger();
  closing.push(() => ledger.close());
  const sandbox = await startSandbox(farSidesOf({ acme: { farSides } }));
  closing.push(() => sandbox.close());
  const played = tenantFileOf(sandbox, { acme: { section: { triggered } } });
  const file = tenantFile.parse({
    ...played,
    tenants: { acme: { ...played.tenants['acme'], ...more } },
  });
  const section = file.tenants['acme'];
  if (!section) throw new Error('The tenant got lost');
  const settings = settingsOf('acme', section);
  const gateways: Doors[] = [];
  for (let count = 0; count < 2; count += 1) {
    const { turn } = createTurns({ pool: ledger.pool });
    const world = createWorld(settings, { turn, onUnauthorized: async () => {} });
    const doors = await openDoors({
      settings,
      databaseUrl: ledger.url,
      worlds: new Map([['acme', world]]),
    });
    closing.push(() => doors.close());
    gateways.push(doors);
  }
  const gateUrls = gateways.map(({ url }) => `${url}/gate/acme/${token}`);
  const claimsUrls = gateways.map(({ url }) => `${url}/claims/acme`);
  return { ledger, sandbox, gateUrls, claimsUrls };
}

test.each([1, 2, 3])(
  'nothing is left of what was answered false, through faults by seed %i',
  async (seed) => {
    const { ledger, sandbox, gateUrls } = await play({ budgetMs: 700 });
    sandbox.setFaults(
      'acme',
      [
        ...(['reset', 'half', '500', '503', 'refuse'] as const).map(
          (fault) => ({ kind: 'validate', fault, probability: 0.05 }) as const,
        ),
        ...(['reset', 'half', '500', '503', 'refuse'] as const).map(
          (fault) => ({ kind: 'allocations', fault, probability: 0.05 }) as const,
        ),
        { kind: 'validate', fault: 'slow', ms: 900, probability: 0.05 },
        { kind: 'allocations', fault: 'slow', ms: 900, probability: 0.05 },
        { kind: 'screenings', fault: 'slow', ms: 900, probability: 0.05 },
      ],
      seed,
    );
    const id = sandbox.createTriggered('acme', { gateUrls, seed });
    await sandbox.fireChecks('acme', id, {
      ...{ perSecond: 60, forSeconds: 3, repeatShare: 0.3, repeatAfterMs: 100 },
    }).finished;
    const checks = sandbox.checks('acme', id);
    expect(checks.allowed).toBeGreaterThan(0);
    expect(checks.denied).toBeGreaterThan(0);
    expect(checks).toMatchObject({ late: 0, unanswered: 0 });
    await expect
      .poll(
        async () => {
          const { rows } = await ledger.pool.query<{ unanswered: number }>(
            'select count(*)::int as unanswered from answer where answer is null',
          );
          return [rows[0]?.unanswered, sandbox.verdict('acme', id).triggered?.deniedStillHeld];
        },
        { timeout: 10_000 },
      )
      .toEqual([0, 0]);
    expect(sandbox.verdict('acme', id).violations).toEqual([]);
    expect((await verify(ledger.pool)).flatMap(({ examples }) => examples)).toEqual([]);
  },
);

test('the sandbox finds what is still held two minutes after a false, where nothing is taken back', async () => {
  const { sandbox, gateUrls } = await play({ budgetMs: 400 });
  sandbox.setFaults('acme', [
    { kind: 'allocations', fault: 'slow', ms: 900 },
    { kind: 'revocations', fault: '500' },
  ]);
  const id = sandbox.createTriggered('acme', { gateUrls });
  const allowing = { perSecond: 20, forSeconds: 0.2, arrivals: 'even' } as const;
  await sandbox.fireChecks('acme', id, allowing).finished;
  expect(sandbox.checks('acme', id)).toMatchObject({ allowed: 0 });
  const triggered = () => sandbox.verdict('acme', id).triggered;
  await expect.poll(() => triggered()?.deniedStillHeld, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(sandbox.verdict('acme', id).violations).toEqual([]);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 121_000 });
  const { violations } = sandbox.verdict('acme', id);
  vi.useRealTimers();
  expect(violations).not.toEqual([]);
  for (const violation of violations) expect(violation).toMatch(/^left allocated/);
});

test('the sandbox finds nothing wrong with what two gateways answer, and with what is held after', async () => {
  const { ledger, sandbox, gateUrls } = await play();
  const id = sandbox.createTriggered('acme', {
    gateUrls,
    visitorShare: 0.1,
    deniedShare: 0.1,
    declinedShare: 0.1,
    seed: 7,
  });
  await sandbox.fireChecks('acme', id, {
    perSecond: 150,
    forSeconds: 3,
    repeatShare: 0.3,
    repeatAfterMs: 50,
    codesAs: 'mixed',
    fieldsAs: 'mixed',
    idsAs: 'mixed',
  }).finished;
  const checks = sandbox.checks('acme', id);
  const verdict = sandbox.verdict('acme', id);
  expect(verdict.violations).toEqual([]);
  expect(checks).toMatchObject({ late: 0, unanswered: 0 });
  expect(checks.allowed).toBeGreaterThan(100);
  expect(checks.denied).toBeGreaterThan(20);
  expect((await verify(ledger.pool)).flatMap(({ examples }) => examples)).toEqual([]);
});

test('the sandbox finds nothing wrong with what its shop is given at two gateways', async () => {
  const apiKey = 'key-of-the-shop';
  const { ledger, sandbox, gateUrls, claimsUrls } = await play(
    { activation: 'claimed' },
    {},
    { apiKeys: [apiKey] },
  );
  const id = sandbox.createTriggered('acme', {
    ...{ gateUrls, activation: 'claimed', deniedShare: 0.1, declinedShare: 0.1, seed: 11 },
  });
  const rate = { perSecond: 100, forSeconds: 2 };
  await sandbox.fireChecks('acme', id, rate).finished;
  await Promise.all(
    claimsUrls.map(
      (claimsUrl) =>
        sandbox.fireClaims('acme', id, {
          ...{
            ...rate,
            claimsUrl,
            apiKey,
            withPromoCode: false,
            sessionProperties: { amount: 50 },
          },
          ...{ doubleShare: 0.3, otherClaimShare: 0.3, doubleAfterMs: 20, strangerShare: 0.1 },
        }).finished,
    ),
  );
  const claims = sandbox.claims('acme', id);
  expect(claims).toMatchObject({ malformed: 0, unanswered: 0, connectionFailures: 0, open: 0 });
  expect(claims.granted).toBeGreaterThan(50);
  expect(claims.refused).toBeGreaterThan(5);
  expect(sandbox.verdict('acme', id).violations).toEqual([]);
  expect((await verify(ledger.pool)).flatMap(({ examples }) => examples)).toEqual([]);
});
