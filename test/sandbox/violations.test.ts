import { afterEach, describe, expect, it, vi } from 'vitest';
import { allocation, customer, FLAT, openDoor, PLAIN, play } from './caller.ts';

/** A campaign of ten plain customers, with three of them validated. */
async function playCampaign(told: Record<string, unknown> = {}) {
  const caller = await play({ catalog: FLAT });
  const { url } = await openDoor();
  const id = caller.sandbox.createCampaign('acme', {
    customers: 10,
    ...PLAIN,
    hookUrl: url,
    ...told,
  });
  await caller.validate(id, 'SPRING25', [0, 1, 2].map(customer));
  const rules = () =>
    caller.sandbox.verdict('acme', id).violations.map((each) => each.split(' · ')[0]);
  return { ...caller, id, rules };
}

const redemption = (redemptionId: string, customerId: string, occurrenceId: string) => ({
  redemptions: [{ redemptionId, customerId, occurrenceId, promocodeId: 'pc-spring25' }],
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the sandbox finds nothing wrong', () => {
  it('with a campaign that keeps every rule', async () => {
    const { sandbox, id, allocate, report, promotions, revoke, upload } = await playCampaign();
    await allocate(id, allocation('k0', customer(0)), allocation('k1', customer(1)));
    await upload(customer(0), id);
    await report(id, { [customer(0)]: true, [customer(1)]: false, [customer(2)]: false });
    await promotions('/v1/promotions/redemptions', redemption('r0', customer(0), id));
    await promotions('/v1/promotions/redemptions', redemption('r0', customer(0), id));
    await revoke(id, 'k1');
    expect(sandbox.verdict('acme', id)).toMatchObject({
      audience: 10,
      validated: 3,
      allocated: 1,
      revoked: 1,
      approved: 1,
      denied: 2,
      uploaded: 1,
      redeemed: 1,
      approvedNotHeld: 0,
      allocatedNotApproved: 0,
      budgetSpent: { 'free-spins': 30 },
      rewardsHeld: { 'free-spins': 10 },
      lateReports: 0,
      violations: [],
    });
  });

  it('with an approval of who had no code and was never denied', async () => {
    const { id, report, rules, platform } = await playCampaign({ withoutCodeShare: 1 });
    await platform('screenings', { campaignId: id, customerIds: [customer(5)] });
    await report(id, { [customer(5)]: true });
    expect(rules().filter((rule) => rule !== 'not targeted')).toEqual([]);
  });

  it('with an effect that lands within two seconds of the answer to event 4', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { sandbox, id, allocate, rules } = await playCampaign();
    await sandbox.cancel('acme', id);
    vi.setSystemTime(Date.now() + 1900);
    await allocate(id, allocation('k0', customer(0)));
    expect(rules()).toEqual([]);
  });
});

describe('the sandbox finds', () => {
  it('a second allocation of one assignment', async () => {
    const { id, allocate, revoke, rules } = await playCampaign();
    await allocate(id, allocation('k0', customer(0)));
    await revoke(id, 'k0');
    await allocate(id, allocation('other', customer(0)));
    expect(rules()).toEqual(['second allocation']);
  });

  it('an approval of who holds nothing, or not all of his codes', async () => {
    const { id, allocate, report, rules, validate } = await playCampaign({ severalCodesShare: 1 });
    await allocate(id, allocation('k0', customer(0)));
    await report(id, { [customer(0)]: true, [customer(1)]: true });
    expect(rules()).toEqual(['approved but not held', 'approved but not held']);
    const { contexts } = (await validate(id, 'FS10', [customer(0)])).json;
    const rewards = [{ rewardTypeId: 'free-spins', value: 5, code: contexts[0].effects[0].code }];
    await allocate(id, allocation('k0b', customer(0), { promoCode: 'FS10', rewards }));
    await report(id, { [customer(0)]: true });
    expect(rules()).toHaveLength(2);
  });

  it('no wrong in one code of two, where the campaign says any', async () => {
    const { id, allocate, report, rules } = await playCampaign({
      severalCodesShare: 1,
      approvalNeeds: 'any',
    });
    await allocate(id, allocation('k0', customer(0)));
    await report(id, { [customer(0)]: true });
    expect(rules()).toEqual([]);
    await report(id, { [customer(1)]: true });
    expect(rules()).toEqual(['approved but not held']);
  });

  it('an approval of who was revoked, though he held it once', async () => {
    const { id, allocate, report, revoke, rules } = await playCampaign();
    await allocate(id, allocation('k0', customer(0)));
    await revoke(id, 'k0');
    await report(id, { [customer(0)]: true });
    expect(rules()).toEqual(['approved but not held']);
  });

  it('effects after the cancellation was heard, of every kind', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const played = await playCampaign();
    const { sandbox, id, allocate, report, promotions, validate, upload, rules } = played;
    await allocate(id, allocation('k0', customer(0)));
    await report(id, { [customer(0)]: true });
    await sandbox.cancel('acme', id);
    vi.setSystemTime(Date.now() + 2100);
    await allocate(id, allocation('k1', customer(1)));
    await validate(id, 'SPRING25', [customer(3)]);
    await report(id, { [customer(1)]: true, [customer(2)]: false });
    await upload(customer(0), id);
    await promotions('/v1/promotions/redemptions', redemption('r0', customer(0), id));
    expect(rules()).toEqual(Array.from({ length: 6 }, () => 'effect after cancellation'));
  });

  it('a report after the deadline, which does not count', async () => {
    const { sandbox, id, report, rules } = await playCampaign({
      clearanceRequiredBy: '2026-01-01T00:00:00Z',
    });
    await report(id, { [customer(0)]: false, [customer(1)]: false });
    expect(rules()).toEqual(['report after deadline']);
    expect(sandbox.verdict('acme', id)).toMatchObject({ lateReports: 2, denied: 0 });
    sandbox.setProfile('acme', { lateReports: 'counted' });
    await report(id, { [customer(0)]: false });
    expect(sandbox.verdict('acme', id)).toMatchObject({ lateReports: 3, denied: 1 });
  });

  it('a validation after a success, but none after a refusal', async () => {
    const { id, sandbox, validate, rules } = await playCampaign();
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 3 });
    await validate(id, 'SPRING25', [customer(5)]);
    await validate(id, 'SPRING25', [customer(5)]);
    expect(rules()).toEqual([]);
    await validate(id, 'SPRING25', [customer(0)]);
    expect(rules()).toEqual(['validated again']);
  });

  it('a reward beyond the validated one, of another kind, or never validated', async () => {
    const { id, allocate, rules } = await playCampaign();
    const reward = (rewardTypeId: string, value: number) => ({
      rewards: [{ rewardTypeId, value }],
    });
    await allocate(id, allocation('k0', customer(0), reward('free-spins', 11)));
    await allocate(id, allocation('k1', customer(1), reward('cash', 1)));
    await allocate(id, allocation('k5', customer(5)));
    await allocate(id, allocation('k6', customer(6), { rewards: [] }));
    await allocate(id, allocation('k2', customer(2), reward('free-spins', 9)));
    expect(rules()).toEqual(Array.from({ length: 4 }, () => 'more than validated'));
  });

  it('a cap or a budget exceeded by what is held', async () => {
    const { id, sandbox, allocate, rules } = await playCampaign();
    await allocate(id, allocation('k0', customer(0)));
    const rewardBudgets = [{ rewardTypeId: 'free-spins', total: 15 }];
    sandbox.changePromotion('acme', 'SPRING25', { rewardBudgets });
    await allocate(id, allocation('k1', customer(1)));
    sandbox.changePromotion('acme', 'SPRING25', { rewardBudgets: [], audienceCap: 2 });
    await allocate(id, allocation('k2', customer(2)));
    expect(rules()).toEqual(['budget exceeded', 'budget exceeded']);
  });

  it('a unique code given to two customers, or to the wrong one', async () => {
    const { id, allocate, rules, validate } = await playCampaign({ severalCodesShare: 1 });
    const order = [0, 1, 2].map(customer);
    const { contexts } = (await validate(id, 'FS10', order)).json;
    const codes = contexts
      .reverse()
      .map((context: (typeof contexts)[number]) => context.effects[0].code);
    const give = (at: number, code: string) =>
      allocate(
        id,
        allocation(`k${at}`, customer(at), {
          promoCode: 'FS10',
          rewards: [{ rewardTypeId: 'free-spins', value: 5, code }],
        }),
      );
    await give(0, codes[0]);
    expect(rules()).toEqual([]);
    await give(1, codes[0]);
    expect(rules()).toEqual(['unique code given twice']);
    await give(2, codes[1]);
    expect(rules().at(-1)).toBe('more than validated');
  });

  it('a redemption without approval, without holding, and a second one', async () => {
    const { id, allocate, report, revoke, promotions, rules } = await playCampaign();
    const redeem = (redemptionId: string, at: number) =>
      promotions('/v1/promotions/redemptions', redemption(redemptionId, customer(at), id));
    await allocate(id, allocation('k0', customer(0)), allocation('k1', customer(1)));
    await report(id, { [customer(0)]: true });
    await redeem('r1', 1);
    await redeem('r2', 2);
    expect(rules()).toEqual(['redeemed without right', 'redeemed without right']);
    await redeem('r0', 0);
    expect(rules()).toHaveLength(2);
    await report(id, { [customer(1)]: true });
    await revoke(id, 'k1');
    await redeem('r3', 1);
    expect(rules().slice(2)).toEqual(['redeemed without right', 'redeemed twice']);
    await redeem('other', 0);
    expect(rules().at(-1)).toBe('redeemed twice');
    const reused = await redeem('r0', 2);
    expect(rules().at(-1)).toBe('redemption id reused');
    expect(reused.json).toMatchObject({ accepted: 0, rejected: [{ redemptionId: 'r0' }] });
  });

  it('the control group wherever it turns up', async () => {
    const { id, allocate, report, validate, upload, rules } = await playCampaign({
      controlShare: 0.5,
    });
    // Every second customer of these twenty is one of the control group.
    const before = rules().length;
    await validate(id, 'SPRING25', [customer(5)]);
    await allocate(id, allocation('k5', customer(5)));
    await report(id, { [customer(5)]: true });
    await upload(customer(5), id);
    expect(rules().slice(before)).toEqual(Array.from({ length: 4 }, () => 'control group'));
  });

  it('who was screened out and goes on all the same', async () => {
    const { id, allocate, report, platform, validate, rules } = await playCampaign({
      deniedShare: 1,
    });
    await platform('screenings', { campaignId: id, customerIds: [0, 3].map(customer) });
    await allocate(id, allocation('k0', customer(0)));
    await validate(id, 'SPRING25', [customer(3)]);
    await report(id, { [customer(3)]: true });
    expect(rules()).toEqual(['screened out', 'screened out', 'approved but not held']);
  });

  it('strangers and codes that nobody was targeted with', async () => {
    const { id, allocate, report, validate, rules } = await playCampaign();
    await validate(id, 'FS10', [customer(0)]);
    await validate(id, 'SPRING25', ['P-00000099']);
    await allocate(id, allocation('k9', 'P-00000099'));
    await report(id, { 'P-00000099': false });
    expect(rules()).toEqual(Array.from({ length: 4 }, () => 'not targeted'));
  });

  it('a key that comes with another assignment', async () => {
    const { id, allocate, revoke, rules, sandbox } = await playCampaign();
    await allocate(id, allocation('k0', customer(0)));
    await allocate(id, allocation('k0', customer(1)));
    expect(rules()).toEqual(['key reused']);
    expect(sandbox.verdict('acme', id).allocated).toBe(1);
    await allocate(id, allocation('other', customer(2)));
    await revoke(id, 'other');
    expect(rules()).toEqual(['key reused', 'key reused']);
  });
});
