import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';

let house: House;

/** Each effect whose answer can be lost after it was acted upon, and how it is lost. */
const lost = ['validate', 'allocations', 'upload', 'status', 'redemptions'].flatMap((kind) =>
  (['reset', 'half'] as const).map((fault) => ({ kind, fault, tenant: `${kind}-${fault}` })),
);

beforeAll(async () => {
  house = await openHouse({
    ...Object.fromEntries(lost.map(({ tenant }) => [tenant, { hasDataConnection: true }])),
    hang: {},
    unheard: {},
    lapse: {
      section: { promotions: { recovery: 'lapse', maxCustomersPerCall: 100 } },
      farSides: { profile: { awards: 'execution' } },
    },
    revocations: {},
  });
});
afterAll(() => house.close());

const population = { customers: 400, deadlineInSeconds: 150 };

// The first five wait together for the whole of a call's thirty seconds.
describe.concurrent('a lost answer', () => {
  it('of a validation lapses its own members only, where awards do not show it', async () => {
    const options = { ...population, severalCodesShare: 0, deniedShare: 0 };
    const id = house.createCampaign('lapse', options);
    house.sandbox.setFaults('lapse', [{ kind: 'validate', fault: 'reset', calls: [2] }]);
    await house.sandbox.announce('lapse', id);
    await ended(house, 'lapse', id, 100_000);
    const { counts, books } = await expectSound(house, 'lapse', id);
    expect(counts.states['lapsed']).toBe(100);
    expect(books.calls['validate']).toBe(4);
    expect(counts.approved).toBe(books.approved);
    expect(counts.approved).toBeGreaterThan(200);
  });

  it('that never comes is waited for no longer than a call may take', async () => {
    await losesNobody('hang', [{ kind: 'allocations', fault: 'hang', calls: [1] }]);
  });

  it('to a call that never arrived is found out about, and the call is made again', async () => {
    const { books } = await losesNobody('unheard', [
      { kind: 'validate', fault: 'refuse', calls: [1] },
    ]);
    expect(books.calls['assignments']).toBe(1);
  });

  it.each(lost)('to $kind ($fault) gives nothing twice', async ({ kind, fault, tenant }) => {
    await losesNobody(tenant, [{ kind, fault, calls: [1] }]);
  });

  it('to a revocation takes back once', async () => {
    const id = house.createCampaign('revocations', population);
    await house.sandbox.announce('revocations', id);
    const { counts } = await ended(house, 'revocations', id);
    house.sandbox.setFaults('revocations', [
      { kind: 'revocations', fault: 'reset', calls: [1] },
      { kind: 'revocations', fault: 'half', calls: [2] },
    ]);
    await house.sandbox.cancel('revocations', id);
    await ended(house, 'revocations', id);
    const { books } = await expectSound(house, 'revocations', id);
    expect(books).toMatchObject({ allocated: 0, revoked: counts.states['allocated'] });
  });
});

/** Runs a campaign through its faults: everyone ends as without them. */
async function losesNobody(tenant: string, rules: Parameters<House['sandbox']['setFaults']>[1]) {
  const id = house.createCampaign(tenant, population);
  house.sandbox.setFaults(tenant, rules);
  await house.sandbox.announce(tenant, id);
  const { summary } = await ended(house, tenant, id, 100_000);
  expect(summary?.['reason']).toBe('decided');
  const judged = await expectSound(house, tenant, id);
  const struck = Object.values(house.sandbox.traffic(tenant).faults);
  expect(struck).toEqual(rules.map(() => 1));
  const { counts, books } = judged;
  expect(counts.states['lapsed']).toBeUndefined();
  expect(counts).toMatchObject({ customers: 400, approved: books.approved, unknown: 0 });
  expect(counts.redemptions['told']).toBe(counts.states['allocated']);
  return judged;
}
