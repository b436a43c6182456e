import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { call, customer, PLAIN, play } from './caller.ts';

describe('data connection', () => {
  it('takes the rows of a batch, and tells that it was never completed', async () => {
    const { sandbox, upload } = await play();
    const id = sandbox.createCampaign('acme', { customers: 3, ...PLAIN });
    const batch_uuid = randomUUID();
    await upload(customer(0), id, { batch_uuid, batch_completed: false });
    expect(sandbox.verdict('acme', id)).toMatchObject({ uploaded: 1, openUploads: 1 });
    await upload(customer(1), id, { batch_uuid, batch_completed: true });
    await upload(customer(1), id, { batch_uuid, batch_completed: true });
    expect(sandbox.verdict('acme', id)).toMatchObject({ uploaded: 2, openUploads: 0 });
  });

  it('refuses more than 5,000 rows a call, and rows without the primary key', async () => {
    const { sandbox, upload } = await play();
    const id = sandbox.createCampaign('acme', { customers: 3, ...PLAIN });
    const row = { customer_id: customer(0), campaign_id: Number(id) };
    const data = Array.from({ length: 5001 }, () => row);
    expect((await upload(customer(0), id, { data })).status).toBe(400);
    expect((await upload(customer(0), id, { data: data.slice(1) })).status).toBe(200);
    expect((await upload(customer(0), id, { data: [{ campaign_id: 1 }] })).status).toBe(400);
  });

  it('wants its own two keys where it was told them', async () => {
    const { urls } = await play({ data: { apiKey: 'a', brandKey: 'b' } });
    const url = `${urls.data}/connections/any/upload_data`;
    const right = { 'x-api-key': 'a', 'x-brand-key': 'b' };
    expect((await call(url, { headers: right, body: { data: [] } })).status).toBe(200);
    expect((await call(url, { headers: { 'x-api-key': 'a' }, body: { data: [] } })).status).toBe(
      401,
    );
    expect((await call(url, { body: { data: [] } })).status).toBe(401);
  });
});
