import { createServer, type IncomingHttpHeaders } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { createAlertReceiver } from '../../src/adapters/alerts.ts';
import { haltAlert } from '../../src/domain/alert.ts';
import { endAlert, raiseAlert } from '../../src/ledger/alerts.ts';
import { acme, campaignId, type Doors, eventFive, eventually, openDoors } from './doors.ts';

const secret = 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=';
const silent = { info: () => {}, warn: () => {}, error: () => {} };

let doors: Doors;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
afterEach(async () => {
  await doors.close();
  await receiver?.close();
});

/** Who is told of alerts; it answers as the test says. */
async function startReceiver() {
  const heard: { id: unknown; headers: IncomingHttpHeaders; text: string; answered: number }[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers } = request;
      const text = Buffer.concat(chunks).toString();
      heard.push({ id: headers['webhook-id'], headers, text, answered: status });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}/alerts?team=crm`;
  return {
    heard,
    adapter: createAlertReceiver({ url, secret }),
    answer(next: number) {
      status = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('an alert', () => {
  it('is told once when it is raised and once when it is over, signed as Standard Webhooks', async () => {
    receiver = await startReceiver();
    doors = await openDoors({ receiver: receiver.adapter });
    const house = { pool: doors.pool, log: silent };
    const alert = haltAlert('acme', 'platform', 'allocations: answered 401');
    await raiseAlert(house, alert);
    await eventually(() => receiver.heard.length === 1);
    await endAlert(house, alert);
    await eventually(() => receiver.heard.length === 2);

    const bodies = receiver.heard.map(({ headers, text }) => {
      const signed = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, String(value)]),
      );
      return new Webhook(secret).verify(text, signed);
    });
    const raised = {
      ...{ id: expect.any(String), kind: 'halt', tenant: 'acme', message: alert.message },
      raisedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    };
    const over = { ...raised, overAt: expect.stringMatching(/^\d{4}-.*Z$/) };
    expect(bodies).toEqual([raised, over]);
    expect(JSON.parse(receiver.heard[0]?.text ?? '').id).toBe(
      JSON.parse(receiver.heard[1]?.text ?? '').id,
    );
    expect(receiver.heard[0]?.id).not.toBe(receiver.heard[1]?.id);
  });

  it('is kept while the receiver does not take it, and told again under the same id', async () => {
    receiver = await startReceiver();
    receiver.answer(503);
    doors = await openDoors({ receiver: receiver.adapter });
    await raiseAlert({ pool: doors.pool, log: silent }, haltAlert('acme', 'platform', 'said 401'));
    await eventually(() => receiver.heard.length === 1);
    receiver.answer(200);
    await eventually(() => receiver.heard.some(({ answered }) => answered === 200));
    expect(new Set(receiver.heard.map(({ id, text }) => `${id} ${text}`)).size).toBe(1);
    expect(receiver.heard.filter(({ answered }) => answered === 200)).toHaveLength(1);
  });

  it('of a webhook that cannot be used is told', async () => {
    receiver = await startReceiver();
    doors = await openDoors({ receiver: receiver.adapter });
    const id = campaignId();
    await doors.hook({ ...eventFive(id), ClearanceRequiredBy: 'next Tuesday' });
    await eventually(() => receiver.heard.length === 1);
    const body = JSON.parse(receiver.heard[0]?.text ?? '');
    expect(body).toMatchObject({ kind: 'quarantine', tenant: 'acme', campaignId: id });
  });

  it('of a webhook that neither store took is logged once', async () => {
    doors = await openDoors({ withoutLedger: true });
    doors.loseTemporal();
    const event = eventFive(campaignId());
    expect((await doors.hook(event)).status).toBe(503);
    expect((await doors.hook(event)).status).toBe(503);
    const alerts = () => doors.lines.filter(({ facts }) => facts['alert'] !== undefined);
    await eventually(() => alerts().length > 0);
    expect(alerts()).toMatchObject([
      { message: 'neither store took a webhook', facts: { alert: 'refused_webhook' } },
    ]);
  });
});

describe('the webhook door', () => {
  it('goes by the settings that count now: token and addresses', async () => {
    const tenants = new Map([['acme', acme()]]);
    doors = await openDoors({ tenants });
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(200);
    tenants.set('acme', acme({ allowFrom: ['10.0.0.0/8'] }));
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(403);
    tenants.set('acme', acme({ webhookToken: 'another-token' }));
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(403);
    tenants.delete('acme');
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(404);
  });
});
