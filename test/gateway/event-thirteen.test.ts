import { afterEach, describe, expect, it } from 'vitest';
import { acme, campaignId, type Doors, eventFive, eventually, openDoors } from './doors.ts';

const opened: Doors[] = [];
afterEach(async () => {
  for (const doors of opened.splice(0)) await doors.close();
});

async function doorsOf(section: Record<string, unknown> = {}): Promise<Doors> {
  const doors = await openDoors({ settings: acme(section) });
  opened.push(doors);
  return doors;
}

const automatic = {
  promotions: { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' },
  scheduled: { conditional: 'off', executed: 'assignments' },
};
const executions = { scheduled: { conditional: 'off', executed: 'executions' } };

const sent = (id: string, channel?: unknown) => ({
  EventTypeID: 13,
  TimeStamp: '2026-03-01 10:00:00',
  CampaignID: id,
  ...(channel !== undefined && { ChannelID: channel }),
});

const fulfilmentsOf = (doors: Doors) =>
  doors.asked.filter(({ what }) => what === 'fulfilment').map(({ of }) => of);

async function inboxOf(doors: Doors, id: string) {
  const found = await doors.pool.query<{ status: string; reason: string | null }>(
    'select status, reason from inbox where campaign = $1 order by id',
    [id],
  );
  return found.rows;
}

async function relayed(doors: Doors, id: string): Promise<void> {
  await eventually(async () => (await inboxOf(doors, id)).every(({ status }) => status !== 'due'));
}

async function channelsOf(doors: Doors, id: string) {
  const found = await doors.pool.query<{ channel: string; at: number }>(
    `select f.channel, round(extract(epoch from f.told_at) * 1000)::float8 as at
     from fulfilment f join campaign c on c.ref = f.campaign where c.id = $1 order by f.number`,
    [id],
  );
  return found.rows;
}

describe('event 13', () => {
  it.each([
    ['automatic', automatic],
    ['executions', executions],
  ])('begins a campaign that nobody announced, the %s way', async (flow, section) => {
    const doors = await doorsOf(section);
    const id = campaignId();
    expect((await doors.hook(sent(id, 504))).status).toBe(200);
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toEqual([{ tenant: 'acme', campaignId: id, channel: '504' }]);
    const found = await doors.pool.query(
      "select phase, plan ->> 'flow' as flow from campaign where id = $1",
      [id],
    );
    expect(found.rows).toEqual([{ phase: 'executed', flow }]);
    const at = Date.parse('2026-03-01T09:00:00Z');
    expect(await channelsOf(doors, id)).toEqual([{ channel: '504', at }]);
  });

  it('of each channel is a fulfilment of its own, however often it comes', async () => {
    const doors = await doorsOf(executions);
    const id = campaignId();
    for (const channel of [504, '610', 504]) await doors.hook(sent(id, channel));
    await relayed(doors, id);
    await doors.hook({ ...sent(id, 504), TimeStamp: '2026-03-01 10:00:05' });
    await relayed(doors, id);
    expect((await channelsOf(doors, id)).map(({ channel }) => channel)).toEqual(['504', '610']);
  });

  it('without a channel tells of all of them', async () => {
    const doors = await doorsOf(executions);
    const id = campaignId();
    await doors.hook(sent(id));
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toMatchObject([{ channel: '' }]);
  });

  it('of a managed campaign is followed, although nothing is given by it', async () => {
    const doors = await doorsOf();
    const id = campaignId();
    await doors.hook(eventFive(id));
    await relayed(doors, id);
    await doors.hook(sent(id, 504));
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toMatchObject([{ campaignId: id, channel: '504' }]);
  });

  it('of a campaign that nobody announced begins nothing where nothing is given by it', async () => {
    const doors = await doorsOf();
    const id = campaignId();
    await doors.hook(sent(id, 504));
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toEqual([]);
    expect(await inboxOf(doors, id)).toEqual([
      { status: 'started', reason: 'nothing follows on the sending of this campaign' },
    ]);
    const found = await doors.pool.query('select from campaign where id = $1', [id]);
    expect(found.rowCount).toBe(0);
  });

  it('of a deleted campaign begins nothing', async () => {
    const doors = await doorsOf(executions);
    const id = campaignId();
    await doors.hook({ EventTypeID: 4, CampaignID: id });
    await doors.hook(sent(id, 504));
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toEqual([]);
    expect(await channelsOf(doors, id)).toEqual([]);
    expect(doors.asked.filter(({ what }) => what === 'cancellation')).toHaveLength(1);
  });

  it.each([
    ['a channel that is none of ours', { listeners: { 13: [504] } }, 610, /listeners\.13/],
    ['no channel where ours are named', { listeners: { 13: [504] } }, undefined, /listeners\.13/],
    ['nothing that follows', { scheduled: { conditional: 'off' } }, 504, /are off/],
  ])('of %s is recorded, and says why', async (_name, section, channel, reason) => {
    const doors = await doorsOf({ ...section });
    const id = campaignId();
    expect((await doors.hook(sent(id, channel))).status).toBe(200);
    expect(await inboxOf(doors, id)).toEqual([
      { status: 'recorded', reason: expect.stringMatching(reason) },
    ]);
  });

  it('with a channel that is no plain id is put aside', async () => {
    const doors = await doorsOf(executions);
    const id = campaignId();
    expect((await doors.hook(sent(id, { id: 504 }))).status).toBe(200);
    expect(await inboxOf(doors, id)).toMatchObject([{ status: 'quarantined' }]);
    expect(fulfilmentsOf(doors)).toEqual([]);
  });

  it('is to be sent again while the ledger is away, whatever Temporal does', async () => {
    const doors = await openDoors({ withoutLedger: true, settings: acme(executions) });
    opened.push(doors);
    const answer = await doors.hook(sent(campaignId(), 504));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(fulfilmentsOf(doors)).toEqual([]);
  });

  it('waits in the ledger while Temporal is away, and is started once it is back', async () => {
    const doors = await doorsOf(executions);
    const id = campaignId();
    doors.loseTemporal();
    expect((await doors.hook(sent(id, 504))).status).toBe(200);
    await eventually(() => doors.lines.some(({ message }) => message === 'a start failed'));
    expect(await inboxOf(doors, id)).toEqual([{ status: 'due', reason: null }]);
    await doors.pool.query('update inbox set leased_until = now()');
    doors.findTemporal();
    // The next webhook wakes the relay.
    await doors.hook(sent(campaignId(), 504));
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toContainEqual({
      ...{ tenant: 'acme', campaignId: id, channel: '504' },
    });
    expect(await channelsOf(doors, id)).toHaveLength(1);
  });
});

describe('event 1', () => {
  it('counts as the sending of the whole campaign where the tenant registers it', async () => {
    const doors = await doorsOf({ ...executions, listeners: { 1: true } });
    const id = campaignId();
    await doors.hook({ EventTypeID: 1, CampaignID: id, TimeStamp: '2026-03-01 10:00:00' });
    await relayed(doors, id);
    expect(fulfilmentsOf(doors)).toEqual([{ tenant: 'acme', campaignId: id, channel: '' }]);
  });

  it('is recorded where the tenant does not', async () => {
    const doors = await doorsOf(executions);
    const id = campaignId();
    await doors.hook({ EventTypeID: 1, CampaignID: id });
    expect(await inboxOf(doors, id)).toEqual([
      { status: 'recorded', reason: 'listeners.1 is false' },
    ]);
  });
});
