import type { RequestListener } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { createWorld } from '../../src/adapters/world.ts';
import { settingsOf, tenantFile } from '../../src/config/tenants.ts';
import type { TenantSettings } from '../../src/domain/tenant.ts';
import { permit, reading, type SmallFarSide, startFarSide } from './tools.ts';

let farSide: SmallFarSide;
afterEach(() => farSide.close());

function settingsFor(url: string, apiKey: string): TenantSettings {
  const file = tenantFile.parse({
    tenants: {
      acme: {
        timeZone: 'Europe/Malta',
        webhookToken: 'tok',
        optimove: { baseUrl: url, apiKey },
        platform: { baseUrl: url, secret: 'whsec_c2VjcmV0c2VjcmV0' },
      },
    },
  });
  const section = file.tenants['acme'];
  if (!section) throw new Error('the tenant got lost');
  return settingsOf('acme', section);
}

/** A far side that knows one key, and the world of a tenant whose settings a test changes. */
async function open(given: { key: string; answer?: RequestListener }) {
  farSide = await startFarSide((request, response) => {
    const isKnown = request.headers['x-api-key'] === 'right';
    if (given.answer && isKnown) return given.answer(request, response);
    response.writeHead(isKnown ? 200 : 401).end('{}');
    return undefined;
  });
  let now = settingsFor(farSide.url, given.key);
  const halts: string[] = [];
  const contacts: boolean[] = [];
  const world = createWorld(
    now,
    {
      turn: async () => ({ answered: async () => {}, pause: async () => {} }),
      onUnauthorized: async (name) => void halts.push(name),
      onContact: (_farSide, isAnswered) => void contacts.push(isAnswered),
    },
    () => now,
  );
  return {
    world,
    halts,
    contacts,
    mend(key: string) {
      now = settingsFor(farSide.url, key);
    },
  };
}

const report = { campaignId: '1', at: 0, customers: [{ customerId: 'a', approved: true }] };

test('of forty readings at once with a wrong key, only the first few leave', async () => {
  const { world, halts } = await open({ key: 'wrong' });
  const asked = Array.from({ length: 40 }, () => world.optimove.campaignDetails('1', reading()));
  const became = await Promise.allSettled(asked);
  const kinds = became.map((one) => one.status === 'rejected' && one.reason.kind);
  expect(new Set(kinds)).toEqual(new Set(['unauthorized']));
  expect(farSide.received.length).toBeLessThanOrEqual(16);
  expect(halts.length).toBe(farSide.received.length);
});

test('a call that was built with an old key leaves with the one that was mended meanwhile', async () => {
  const { world, mend, halts } = await open({ key: 'wrong' });
  const call = world.optimove.reportStatus(report);
  mend('right');
  await call.send(permit());
  expect(farSide.received.map(({ headers }) => headers['x-api-key'])).toEqual(['right']);
  expect(halts).toEqual([]);
});

test('a key that was refused just now is not sent again; another one is, and so is the probe', async () => {
  const { world, mend } = await open({ key: 'wrong' });
  const ask = () => world.optimove.campaignDetails('1', reading());
  await expect(ask()).rejects.toMatchObject({ kind: 'unauthorized', status: 401 });
  await expect(ask()).rejects.toMatchObject({ kind: 'unauthorized', status: undefined });
  await expect(world.optimove.reportStatus(report).send(permit())).rejects.toThrow(/not sent/);
  await expect(world.optimove.probe(reading())).rejects.toMatchObject({ status: 401 });
  expect(farSide.received).toHaveLength(2);
  mend('right');
  await expect(ask()).resolves.toEqual({});
});

test('an answer to the old key does not halt a tenant whose key was mended meanwhile', async () => {
  const { world, mend, halts } = await open({ key: 'wrong' });
  farSide.received.push = (...requests) => {
    mend('right');
    return Array.prototype.push.apply(farSide.received, requests);
  };
  const asked = world.optimove.campaignDetails('1', reading());
  await expect(asked).rejects.toMatchObject({ kind: 'unauthorized' });
  expect(halts).toEqual([]);
});

test.each([
  [200, true],
  [400, true],
  [413, true],
  [429, false],
  [503, false],
])('an answer of %i says of the far side that it speaks: %s', async (status, speaks) => {
  const { world, contacts } = await open({
    key: 'right',
    answer: (_request, response) => response.writeHead(status).end('{}'),
  });
  await world.optimove.campaignDetails('1', reading()).catch(() => {});
  expect(contacts).toEqual([speaks]);
});

test('an answer that is not understood counts as none, a wrong key as neither', async () => {
  const { world, contacts, mend } = await open({
    key: 'right',
    answer: (_request, response) => response.end('<html>Down for maintenance</html>'),
  });
  await world.optimove.campaignDetails('1', reading()).catch(() => {});
  expect(contacts).toEqual([false]);
  mend('wrong');
  await world.optimove.campaignDetails('1', reading()).catch(() => {});
  expect(contacts).toEqual([false]);
});
