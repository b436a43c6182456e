import { afterEach, describe, expect, it } from 'vitest';
import { acme, campaignId, type Doors, openDoors } from './doors.ts';

const opened: Doors[] = [];
afterEach(async () => {
  for (const doors of opened.splice(0)) await doors.close();
});

async function doorsOf(section: Record<string, unknown>): Promise<Doors> {
  const doors = await openDoors({ settings: acme(section) });
  opened.push(doors);
  return doors;
}

async function inboxOf(doors: Doors, id: string) {
  const found = await doors.pool.query<{ status: string }>(
    'select status from inbox where campaign = $1',
    [id],
  );
  return found.rows;
}

const unscheduled = { scheduled: { conditional: 'off' } };
const onlyEvents = { gate: 'off', executed: 'payload' };
const quiet = { gate: 'off', executed: 'off' };
const claimed = { apiKeys: ['k'], claims: {} };

describe('event 4', () => {
  it.each([
    ['gives by event 11 alone', { ...unscheduled, triggered: onlyEvents }],
    ['only asks', { ...unscheduled, triggered: { gate: 'managed', executed: 'off' } }],
    [
      'has given what may be claimed',
      { ...unscheduled, ...claimed, triggered: { ...quiet, activation: 'claimed' } },
    ],
    [
      'once announced what may be claimed',
      { ...claimed, scheduled: { ...unscheduled.scheduled, activation: 'claimed' } },
    ],
  ])('fences a campaign of a tenant that %s', async (_name, section) => {
    const doors = await doorsOf(section);
    const id = campaignId();
    expect((await doors.hook({ EventTypeID: 4, CampaignID: id })).status).toBe(200);
    const found = await doors.pool.query('select fence from campaign where id = $1', [id]);
    expect(found.rows).toEqual([{ fence: 'deleted' }]);
  });

  it.each([
    ['nothing', unscheduled],
    ['no triggered campaigns', { ...unscheduled, triggered: quiet }],
  ])('is recorded, and nothing more, of a tenant that has %s', async (_name, section) => {
    const doors = await doorsOf(section);
    const id = campaignId();
    expect((await doors.hook({ EventTypeID: 4, CampaignID: id })).status).toBe(200);
    expect(await inboxOf(doors, id)).toMatchObject([{ status: 'recorded' }]);
    const found = await doors.pool.query('select from campaign where id = $1', [id]);
    expect(found.rowCount).toBe(0);
  });
});
