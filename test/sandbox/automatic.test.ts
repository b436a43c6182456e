import { describe, expect, it } from 'vitest';
import type { CampaignOptions } from '../../sandbox/campaign.ts';
import { customer, FLAT, type Json, openDoor, PLAIN, play } from './caller.ts';

/** A campaign of ten plain customers for whom Promotions decides by itself. */
async function playCampaign(told: Partial<CampaignOptions> = {}) {
  const caller = await play({ catalog: FLAT });
  const { url } = await openDoor();
  const id = caller.sandbox.createCampaign('acme', {
    ...{ customers: 10, ...PLAIN, flow: 'automatic', hookUrl: url },
    ...told,
  });
  return { ...caller, id, verdict: () => caller.sandbox.verdict('acme', id) };
}

const idsOf = (items: Json[]) => items.map(({ customerId }) => customerId);

describe('the auto flow', () => {
  it('decides on everybody but the control group before event 13, and shows it then', async () => {
    const { sandbox, id, awards, verdict } = await playCampaign({
      ...{ controlShare: 0.5, severalCodesShare: 1 },
    });
    expect((await awards(id)).json).toEqual({ items: [], total: 0 });
    await sandbox.execute('acme', id);
    const { items, total } = (await awards(id)).json;
    expect([items.length, total]).toEqual([20, 20]);
    expect(items[10]).toMatchObject({
      customerId: customer(0),
      status: 'ASSIGNED',
      promocodeId: 'pc-fs10',
      occurrenceId: id,
      rewards: [{ rewardTypeId: 'free-spins', value: 5, code: 'FS10-000001' }],
    });
    expect(verdict()).toMatchObject({
      validated: 20,
      approved: 10,
      sent: 10,
      budgetSpent: { 'free-spins': 150 },
      violations: [],
    });
  });

  it('spends a budget in the order of the customers, once', async () => {
    const { sandbox, id, awards, verdict } = await playCampaign({ channels: [504, 505] });
    const rewardBudgets = [{ rewardTypeId: 'free-spins', total: 25 }];
    sandbox.changePromotion('acme', 'SPRING25', { rewardBudgets });
    await sandbox.execute('acme', id, { channelId: 504 });
    await sandbox.execute('acme', id, { channelId: 505 });
    expect(idsOf((await awards(id)).json.items)).toEqual([customer(0), customer(1)]);
    expect(verdict()).toMatchObject({ validated: 2, refused: 8, sent: 2 });
  });

  it('shows who was refused, without rewards, where the profile says so', async () => {
    const { sandbox, id, awards } = await playCampaign();
    sandbox.setProfile('acme', { rejectedAwards: true, awards: 'execution' });
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 9 });
    await sandbox.execute('acme', id);
    const { items, total } = (await awards(id)).json;
    expect(total).toBe(10);
    expect(items[8]).toMatchObject({ status: 'ASSIGNED', rewards: [{ value: 10 }] });
    expect(items[9]).toMatchObject({ customerId: customer(9), status: 'REJECTED', rewards: [] });
    sandbox.setProfile('acme', { rejectedAwards: false });
    expect((await awards(id)).json.total).toBe(9);
  });

  it('decides nothing for a campaign that was canceled before', async () => {
    const { sandbox, id, verdict } = await playCampaign();
    await sandbox.cancel('acme', id);
    await sandbox.execute('acme', id);
    expect(verdict()).toMatchObject({ validated: 0, sent: 0 });
  });
});

describe('Customer Assignment', () => {
  it('comes in pages that hold everybody once', async () => {
    const { sandbox, id, awards } = await playCampaign();
    await sandbox.execute('acme', id);
    const pages = await Promise.all([0, 4, 8, 12].map((skip) => awards(id, { skip, take: 4 })));
    expect(pages.map(({ json }) => json.items.length)).toEqual([4, 4, 2, 0]);
    const ids = pages.flatMap(({ json }) => idsOf(json.items));
    expect(ids).toEqual(Array.from({ length: 10 }, (_, index) => customer(index)));
    expect((await awards(id, { take: 10_001 })).status).toBe(400);
  });

  it('shows what was decided or reported since the last page', async () => {
    const { sandbox, id, awards, validate, report } = await playCampaign({ flow: 'managed' });
    await validate(id, 'SPRING25', [customer(5)]);
    expect(idsOf((await awards(id)).json.items)).toEqual([customer(5)]);
    await validate(id, 'SPRING25', [customer(2)]);
    expect(idsOf((await awards(id)).json.items)).toEqual([customer(2), customer(5)]);
    expect((await awards(id, { promocodeId: 'pc-fs10' })).json.total).toBe(0);
    sandbox.setProfile('acme', { awards: 'execution' });
    expect((await awards(id)).json.total).toBe(0);
    await sandbox.execute('acme', id);
    expect((await awards(id)).json.total).toBe(0);
    await report(id, { [customer(5)]: true });
    expect(idsOf((await awards(id)).json.items)).toEqual([customer(5)]);
  });
});

describe('a promocode', () => {
  it('is found by its code and by its id', async () => {
    const { promotions } = await playCampaign();
    const promocode = {
      promocodeId: 'pc-fs10',
      code: 'FS10',
      type: 'UNIQUE',
      promotionId: 'pr-fs10',
      status: 'ACTIVE',
    };
    expect((await promotions('/v1/promocodes/pc-fs10')).json).toEqual(promocode);
    expect((await promotions('/v1/promocodes?code=FS10')).json).toEqual({ items: [promocode] });
    expect((await promotions('/v1/promocodes?code=NONE')).json).toEqual({ items: [] });
    expect((await promotions('/v1/promocodes/pc-none')).status).toBe(404);
  });
});
