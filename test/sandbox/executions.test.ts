import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CampaignOptions } from '../../sandbox/campaign.ts';
import { type Caller, customer, type Json, openDoor, PLAIN, play } from './caller.ts';

const EXECUTIONS = 'GetCustomerExecutionDetailsByCampaign';
const ENDED = 'GetCustomersActionEndedByDate';

/** A campaign of ten plain customers who are sent it without being asked about. */
async function playCampaign(told: Partial<CampaignOptions> = {}, timeZone = 'UTC') {
  const caller = await play({ timeZone });
  const { url, heard } = await openDoor();
  const flow = 'executions';
  const id = caller.sandbox.createCampaign('acme', {
    ...{ customers: 10, ...PLAIN, flow, hookUrl: url },
    ...told,
  });
  return { ...caller, id, heard, rows: (query = '') => rowsOf(caller, id, query) };
}

async function rowsOf({ list }: Caller, id: string, query: string): Promise<Json[]> {
  return (await list(EXECUTIONS, `CampaignID=${id}${query}`)).json;
}

const idsOf = (rows: Json[]) => rows.map(({ CustomerID }) => CustomerID);

afterEach(() => {
  vi.useRealTimers();
});

describe('executions', () => {
  it('are empty until the channel was executed, and tell who was sent by it', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-03-02T11:00:00.7Z') });
    const { sandbox, id, rows } = await playCampaign(
      { customers: 2, channels: [504, 505], severalCodesShare: 1 },
      'Europe/Malta',
    );
    expect(await rows()).toEqual([]);
    await sandbox.execute('acme', id, { channelId: 505 });
    expect(await rows('&ChannelID=504')).toEqual([]);
    expect((await rows('&ChannelID=505'))[1]).toEqual({
      CustomerID: customer(1),
      ActionID: 4,
      ChannelID: 505,
      TemplateID: 14,
      TemplateName: 'Template of 505',
      ScheduleTime: '2026-03-02 12:00:00',
      PromoCode: 'SPRING25,FS10',
    });
  });

  it('show the same customer under each channel, and all of them where none is named', async () => {
    const { sandbox, id, rows } = await playCampaign({ customers: 3, channels: [504, 505] });
    await sandbox.execute('acme', id);
    expect(idsOf(await rows('&ChannelID=505'))).toEqual([0, 1, 2].map(customer));
    expect((await rows()).map(({ ChannelID }) => ChannelID)).toEqual([
      504, 504, 504, 505, 505, 505,
    ]);
    expect(idsOf(await rows('&$top=2&$skip=2'))).toEqual([customer(2), customer(0)]);
  });

  it('can have a row for each code, and null for none', async () => {
    const { sandbox, id, rows } = await playCampaign({
      customers: 2,
      severalCodesShare: 1,
      executionRows: 'code',
    });
    await sandbox.execute('acme', id);
    const codes = (await rows()).map(({ CustomerID, PromoCode }) => [CustomerID, PromoCode]);
    expect(codes).toEqual([
      [customer(0), 'SPRING25'],
      [customer(1), 'SPRING25'],
      [customer(0), 'FS10'],
      [customer(1), 'FS10'],
    ]);
    const without = await playCampaign({ customers: 1, withoutCodeShare: 1 });
    await without.sandbox.execute('acme', without.id);
    expect(await without.rows()).toMatchObject([{ PromoCode: null }]);
  });

  it('leave the control group out', async () => {
    const { sandbox, id, rows } = await playCampaign({ controlShare: 0.5 });
    await sandbox.execute('acme', id);
    expect(await rows()).toHaveLength(10);
    expect(sandbox.verdict('acme', id)).toMatchObject({ controls: 10, sent: 10 });
  });

  it('are those who were approved when it was sent, where anybody was asked', async () => {
    const { sandbox, id, rows, report } = await playCampaign({
      flow: 'managed',
      channels: [504, 505],
    });
    await sandbox.announce('acme', id);
    await report(id, { [customer(3)]: true, [customer(4)]: false });
    await sandbox.execute('acme', id, { channelId: 504 });
    await report(id, { [customer(5)]: true });
    await sandbox.execute('acme', id, { channelId: 505 });
    expect(idsOf(await rows())).toEqual([customer(3), customer(3)]);
  });

  it('lack nothing where the shop has to claim it first', async () => {
    const { sandbox, id } = await playCampaign({ flow: 'managed', activation: 'claimed' });
    await sandbox.execute('acme', id);
    expect(sandbox.verdict('acme', id)).toMatchObject({ sent: 10, sentNotHeld: 0 });
  });

  it('are nobody’s after a cancellation, and stay what they were before it', async () => {
    const { sandbox, id, rows } = await playCampaign();
    await sandbox.cancel('acme', id);
    await sandbox.execute('acme', id);
    expect(await rows()).toEqual([]);
    const sent = await playCampaign();
    await sent.sandbox.execute('acme', sent.id);
    await sent.sandbox.cancel('acme', sent.id);
    expect(await sent.rows()).toHaveLength(10);
  });

  it('leave out the part that is not sent, and the part that a channel does not reach', async () => {
    const { sandbox, id, rows } = await playCampaign({
      customers: 1000,
      channels: [504, 505],
      notSentShare: 0.2,
      channelShare: 0.5,
    });
    await sandbox.execute('acme', id);
    const first = idsOf(await rows('&ChannelID=504'));
    const second = idsOf(await rows('&ChannelID=505'));
    expect(first.length).toBeGreaterThan(300);
    expect(first.length).toBeLessThan(500);
    expect(first).not.toEqual(second);
    const reached = new Set([...first, ...second]).size;
    expect(sandbox.verdict('acme', id).sent).toBe(reached);
    expect(reached).toBeGreaterThan(first.length);
    expect(reached).toBeLessThan(800);
  });

  it('are scheduled so long after the order to execute as the channel says', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-03-02T11:00:00Z') });
    const { sandbox, id, rows } = await playCampaign({
      customers: 1,
      channels: [504, 505],
      scheduledInSeconds: { 504: -3600, 505: 90 },
    });
    await sandbox.execute('acme', id);
    expect((await rows()).map(({ ScheduleTime }) => ScheduleTime)).toEqual([
      '2026-03-02 10:00:00',
      '2026-03-02 11:01:30',
    ]);
  });

  it('make the list of those on hold empty, where nobody was ever on hold', async () => {
    const { sandbox, id, audience } = await playCampaign();
    expect((await audience(id)).json).toEqual([]);
    await sandbox.announce('acme', id);
    expect((await audience(id)).json).toHaveLength(10);
  });
});

describe('the execution', () => {
  it('is told by event 13 for each channel', async () => {
    const { sandbox, id, heard } = await playCampaign({ channels: [504, 505] });
    await sandbox.execute('acme', id);
    expect(heard).toMatchObject([
      { EventTypeID: 13, ChannelID: 504 },
      { EventTypeID: 13, ChannelID: 505 },
    ]);
  });

  it('is told by event 1 without a channel', async () => {
    const { sandbox, id, heard, rows } = await playCampaign({ channels: [504, 505] });
    await sandbox.execute('acme', id, { event: 1 });
    expect(heard).toEqual([
      { EventTypeID: 1, CampaignID: Number(id), TimeStamp: expect.any(String) },
    ]);
    expect(await rows()).toHaveLength(20);
  });

  it('can be told twice, or by nothing but the list of the day', async () => {
    const { sandbox, id, heard, optimove, rows } = await playCampaign();
    const [lost] = await sandbox.execute('acme', id, { lost: true });
    expect([lost?.error, heard.length]).toEqual(['lost', 0]);
    const today = new Date().toISOString().slice(0, 10);
    const { json } = await optimove(`/Actions/GetExecutedCampaignDetails?Date=${today}`);
    expect(json).toMatchObject([{ CampaignID: Number(id), Duration: 7 }]);
    sandbox.setFaults('acme', [{ far: 'hooks', kind: 'event13', fault: 'duplicate' }]);
    await sandbox.execute('acme', id);
    expect([heard.length, (await rows()).length]).toEqual([2, 10]);
  });
});

describe('ended actions', () => {
  const day = (text: string) => Date.parse(`${text}T22:30:00Z`);

  it('list who was sent on the day that the duration ends, in the tenant’s calendar', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: day('2026-03-02') });
    const { sandbox, id, list } = await playCampaign({ customers: 2 }, 'Europe/Helsinki');
    await sandbox.execute('acme', id);
    expect((await list(ENDED, 'Date=2026-03-10')).json).toEqual([]);
    vi.setSystemTime(day('2026-03-10'));
    expect((await list(ENDED, 'Date=2026-03-09')).json).toEqual([]);
    expect((await list(ENDED, 'Date=2026-03-10&$top=1&$skip=1')).json).toEqual([
      {
        CustomerID: customer(1),
        ActionID: 4,
        ChannelID: 504,
        Date: '2026-03-03',
        Duration: 7,
        TargetGroupID: 31,
      },
    ]);
    await sandbox.cancel('acme', id);
    expect((await list(ENDED, 'Date=2026-03-10')).json).toEqual([]);
  });

  it('leave out a part, and list strangers besides', async () => {
    const { sandbox, id, list } = await playCampaign({
      customers: 1000,
      durationDays: 0,
      endedLeftOutShare: 0.2,
      endedAddedShare: 0.1,
    });
    await sandbox.execute('acme', id);
    const today = new Date().toISOString().slice(0, 10);
    const ids = idsOf((await list(ENDED, `Date=${today}`)).json);
    const strangers = ids.filter((each) => !each.startsWith('P-'));
    expect(new Set(strangers).size).toBe(100);
    expect(ids.length - strangers.length).toBeGreaterThan(700);
    expect(ids.length - strangers.length).toBeLessThan(900);
  });
});
