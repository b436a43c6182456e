import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decideCampaign } from './decided-campaign.ts';
import { type Doors, openDoors, operatorKey } from './doors.ts';

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors();
  const campaign = await decideCampaign(doors.pool, '70412');
  await campaign.close();
});
afterAll(() => doors.close());

const base = '/api/tenants/acme';

describe('the operator API', () => {
  it.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer wrong' }],
    ['another scheme', { authorization: `Basic ${operatorKey}` }],
  ])('answers nothing to %s', async (_name, headers: Record<string, string>) => {
    const response = await fetch(`${doors.url}${base}/campaigns`, { headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ status: 401 });
  });

  it.each([
    ['/api/tenants/nobody/campaigns', 404, /no such tenant/],
    [`${base}/campaigns/1`, 404, /no campaign/],
    [`${base}/campaigns?limit=none`, 400, /limit/],
  ])('says what is wrong with %s', async (path, status, sentence) => {
    const response = await doors.read(path);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ detail: expect.stringMatching(sentence) });
  });

  it('lists campaigns', async () => {
    const answer = await (await doors.read(`${base}/campaigns`)).json();
    expect(answer).toMatchObject({
      campaigns: [{ campaignId: '70412', phase: 'closed', audience: 6, fence: null }],
    });
  });

  it('shows a campaign with its counts, its plan and its summary', async () => {
    const answer = await (await doors.read(`${base}/campaigns/70412`)).json();
    expect(answer).toMatchObject({
      phase: 'closed',
      plan: { codes: 'all', durationDays: 7 },
      counts: {
        customers: 6,
        approved: 3,
        states: { allocated: 3, declined: 1, refused: 1, screened_out: 1 },
      },
      summary: { reason: 'decided', audience: 6 },
    });
  });

  it('tells what happened to a customer', async () => {
    const answer = await (await doors.read(`${base}/customers/C1/timeline?campaign=70412`)).json();
    expect(answer).toMatchObject({
      customerId: 'C1',
      assignments: [{ state: 'allocated', clearance: 'approved', reference: 'ref-1' }],
    });
  });

  it('says how a tenant stands', async () => {
    await doors.hook({ EventTypeID: 14, CampaignID: 70412 });
    const answer = await (await doors.read(`${base}/status`)).json();
    expect(answer).toMatchObject({
      openCampaigns: 0,
      webhooksDue: 0,
      lastWebhooks: [{ type: 14, at: expect.any(Number) }],
    });
  });

  it('describes itself as OpenAPI', async () => {
    const described = await (await fetch(`${doors.url}/docs/json`)).json();
    expect(described).toMatchObject({
      openapi: expect.stringMatching(/^3\./),
      paths: {
        '/hooks/{tenant}/{token}': { post: expect.anything() },
        '/api/tenants/{tenant}/campaigns/{id}': { get: expect.anything() },
      },
    });
    expect((await fetch(`${doors.url}/docs`)).status).toBe(200);
  });
});
