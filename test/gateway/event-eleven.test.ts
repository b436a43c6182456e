import { afterEach, describe, expect, it } from 'vitest';
import { acme, campaignId, type Doors, openDoors } from './doors.ts';

const opened: Doors[] = [];
afterEach(async () => {
  for (const doors of opened.splice(0)) await doors.close();
});

async function doorsOf(section: Record<string, unknown>, withoutLedger = false): Promise<Doors> {
  const doors = await openDoors({ settings: acme(section), withoutLedger });
  opened.push(doors);
  return doors;
}

const promotions = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k', sharesOptimoveLimit: true };

function eventEleven(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...{ EventTypeID: 11, TimeStamp: '2030-01-01 10:00:00', CampaignID: id, ChannelID: 611 },
    ...{ TemplateID: 14, CustomerID: 'ann', PromoCode: 'SPINS,FS10,SPINS', Notes: 'vip' },
    ...fields,
  };
}

async function rowOf(doors: Doors, id: string) {
  const found = await doors.pool.query<{ status: string; reason: string | null; reading: unknown }>(
    'select status, reason, reading from inbox where campaign = $1',
    [id],
  );
  return found.rows;
}

const grants = (doors: Doors) => doors.asked.filter(({ what }) => what === 'grants');

describe('event 11', () => {
  it.each([
    ['payload', { triggered: { executed: 'payload' } }],
    ['assignments', { triggered: { executed: 'assignments' }, promotions }],
  ])('by %s is queued with what it says, and kicks the grants', async (_name, section) => {
    const doors = await doorsOf(section);
    const id = campaignId();
    expect(
      (await doors.hook(eventEleven(id, { attributes: { NAME: 'a', BAD: 'a\0b' } }))).status,
    ).toBe(200);
    expect(await rowOf(doors, id)).toEqual([
      {
        status: 'queued',
        reason: null,
        reading: {
          customerId: 'ann',
          promoCodes: ['SPINS', 'FS10'],
          said: { notes: 'vip', channelIds: ['611'], templateId: '14' },
          met: { attributes: { NAME: 'a' } },
        },
      },
    ]);
    expect(grants(doors)).toContainEqual({ what: 'grants', of: 'acme' });
    expect(JSON.stringify(doors.asked)).not.toContain('ann');
  });

  it.each([
    ['off', { triggered: { executed: 'off' } }, {}, /executed is off/],
    ['without a triggered section', {}, {}, /executed is off/],
    ['of a visitor', { triggered: {} }, { isVisitor: true }, /visitor/],
    ['of another channel', { triggered: {}, listeners: { 11: [612] } }, {}, /listeners\.11/],
  ])('%s is recorded, and nothing more', async (_name, section, fields, reason) => {
    const doors = await doorsOf(section);
    const id = campaignId();
    expect((await doors.hook(eventEleven(id, fields))).status).toBe(200);
    expect(await rowOf(doors, id)).toEqual([
      { status: 'recorded', reason: expect.stringMatching(reason), reading: null },
    ]);
    expect(grants(doors)).toEqual([]);
  });

  it('of a visitor is queued where visitors may be given, and of a channel that is ours', async () => {
    const doors = await doorsOf({ triggered: { visitors: true }, listeners: { 11: [611] } });
    const id = campaignId();
    await doors.hook(eventEleven(id, { isVisitor: true }));
    expect(await rowOf(doors, id)).toMatchObject([{ status: 'queued' }]);
  });

  it('is not taken without the ledger, which alone may keep a customer', async () => {
    const doors = await doorsOf({ triggered: {} }, true);
    const answer = await doors.hook(eventEleven(campaignId()));
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(doors.asked).toEqual([]);
  });
});
