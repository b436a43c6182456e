import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { campaign } from '../../src/gateway/api/shapes.ts';
import { campaignId, type Doors, eventFive, eventually, openDoors, token } from './doors.ts';

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors();
});
afterAll(() => doors.close());

const hook = `/hooks/acme/${token}`;
const json = '{"EventTypeID":1,"CampaignID":1}';

async function expectProblem(response: Response, status: number, sentence: RegExp): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(await response.json()).toMatchObject({ status, detail: expect.stringMatching(sentence) });
}

describe('the webhook door', () => {
  it.each([
    ['no JSON', hook, 'EventTypeID=5', 400, /not JSON/],
    ['half a JSON', hook, '{"EventTypeID":5,', 400, /not JSON/],
    ['an empty body', hook, '', 400, /not JSON/],
    ['bytes that are no text', hook, new Uint8Array([0xff, 0xfe, 0x00]), 400, /not JSON/],
    ['a body over 1 MiB', hook, `"${'x'.repeat(1_048_577)}"`, 413, /1 MiB/],
    ['a wrong token', '/hooks/acme/wrong', json, 403, /token/],
    ['a token too long for a path', `/hooks/acme/${'x'.repeat(5_000)}`, json, 400, /address/],
    ['an unknown tenant', `/hooks/nobody/${token}`, json, 404, /tenant/],
    ['a name of the language', `/hooks/__proto__/${token}`, json, 404, /tenant/],
    ['an address that cannot be decoded', '/hooks/acme/%zz', json, 400, /address/],
    ['another path', '/hooks', json, 404, /docs/],
  ])('refuses %s in one clear sentence', async (_name, path, body, status, sentence) => {
    await expectProblem(await doors.post(path, body), status, sentence);
  });

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('refuses the method %s', async (method) => {
    const response = await fetch(`${doors.url}${hook}`, { method });
    expect(response.headers.get('allow')).toBe('POST');
    await expectProblem(response, 405, /POST/);
  });

  it('refuses what is no HTTP at all', async () => {
    const { hostname, port } = new URL(doors.url);
    const socket = connect(Number(port), hostname);
    socket.end('this is not HTTP\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('starts nothing for what it refuses, and logs no secret', async () => {
    await doors.post('/hooks/acme/a-secret-guess', JSON.stringify(eventFive(campaignId())));
    await eventually(() => doors.lines.some(({ facts }) => facts['status'] === 403));
    expect(doors.asked.filter(({ what }) => what !== 'settlement')).toEqual([]);
    const logged = JSON.stringify(doors.lines);
    expect(logged).not.toContain('a-secret-guess');
    expect(logged).not.toContain(token);
  });

  it.each([
    ['no content type', {}],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a content type that is none', { 'content-type': 'nonsense; ==' }],
    ['a charset of its own', { 'content-type': 'application/json; charset=latin-1' }],
  ])('takes JSON under %s', async (_name, headers: Record<string, string>) => {
    const response = await doors.post(hook, json, headers);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{}');
  });

  it.each([
    ['an array', '[5]'],
    ['null', 'null'],
    ['a number', '5'],
    ['an object without a type', '{"CampaignID":70412}'],
    ['a type that is no number', '{"EventTypeID":"five","CampaignID":70412}'],
    ['event 5 without a campaign', '{"EventTypeID":5,"ClearanceRequiredBy":"2030-01-01 10:00:00"}'],
    ['event 11 without a customer', '{"EventTypeID":11,"CampaignID":70412,"promoCode":"A"}'],
    ['a campaign id that is an object', '{"EventTypeID":4,"CampaignID":{"a":1}}'],
    ['a campaign id with a path in it', '{"EventTypeID":4,"CampaignID":"../../acme/settlement"}'],
    ['a NUL, which jsonb refuses', '{"EventTypeID":"\\u0000"}'],
    ['half a surrogate pair', '{"EventTypeID":"\\ud800"}'],
    ['a number beyond all numbers', '{"EventTypeID":1e400}'],
    ['a nesting of 100,000', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ])('quarantines %s with a reason and one alert', async (_name, body) => {
    const before = doors.lines.length;
    expect((await doors.post(hook, body)).status).toBe(200);
    expect((await doors.post(hook, body)).status).toBe(200);
    const alertsOf = () =>
      doors.lines.slice(before).filter(({ facts }) => facts['alert'] === 'quarantine');
    await eventually(() => alertsOf().length > 0);
    expect(alertsOf()).toHaveLength(1);
    expect(alertsOf()[0]?.facts['reason']).toEqual(expect.any(String));
  });

  it('keeps what it quarantined, with how often it came', async () => {
    const body = `{"about":"${campaignId()}"}`;
    for (let time = 1; time <= 3; time += 1) await doors.post(hook, body);
    const found = await doors.pool.query(
      'select status, reason, times from inbox where body = $1::jsonb',
      [body],
    );
    expect(found.rows).toEqual([
      { status: 'quarantined', reason: 'it has no EventTypeID', times: 3 },
    ]);
  });

  it.each([1, 2, 3, 14, 99])('records event %i and starts nothing', async (type) => {
    const id = campaignId();
    expect((await doors.hook({ EventTypeID: type, CampaignID: id })).status).toBe(200);
    const found = await doors.pool.query('select type, status from inbox where campaign = $1', [
      id,
    ]);
    expect(found.rows).toEqual([{ type, status: 'recorded' }]);
    expect(JSON.stringify(doors.asked)).not.toContain(id);
  });
});

describe('event 5 with a deadline that cannot be used', () => {
  it.each([
    ['unparsable', 'tomorrow', /form/],
    ['skipped by the clocks', '2030-03-31 02:30:00', /skip/],
    ['missing', undefined, /text/],
  ])('%s: approves nobody and shows the reason', async (_name, deadline, reason) => {
    const id = campaignId();
    const event = { ...eventFive(id), ClearanceRequiredBy: deadline };
    expect((await doors.hook(event)).status).toBe(200);
    const shown = await doors.read(`/api/tenants/acme/campaigns/${id}`);
    expect(await shown.json()).toMatchObject({
      instants: null,
      problem: expect.stringMatching(reason),
    });
    expect(JSON.stringify(doors.asked)).not.toContain(id);
  });

  it('in the past: shows the reason, and a later one counts', async () => {
    const id = campaignId();
    await doors.hook(eventFive(id, -60));
    const shown = async () => {
      const answer = await doors.read(`/api/tenants/acme/campaigns/${id}`);
      return answer.ok ? campaign.parse(await answer.json()) : undefined;
    };
    await eventually(async () => ((await shown())?.problem ?? '').includes('passed'));
    await doors.hook(eventFive(id, 90));
    await eventually(async () => (await shown())?.problem === null);
  });
});
