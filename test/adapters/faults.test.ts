import type { RequestListener, ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { openWorld, permit, reading, type SmallFarSide, startFarSide, waitUntil } from './tools.ts';

const open: SmallFarSide[] = [];
afterEach(async () => {
  for (const farSide of open.splice(0)) await farSide.close();
});

async function play(answer: RequestListener) {
  const farSide = await startFarSide(answer);
  open.push(farSide);
  return { farSide, world: openWorld(farSide.urls) };
}

const report = { campaignId: '7', at: 0, customers: [{ customerId: 'P-1', approved: true }] };
const revocation = {
  key: 'k',
  campaignId: '7',
  reason: 'deadline' as const,
  revocations: [{ key: 'a', customerId: 'P-1' }],
};

const status =
  (code: number, headers: Record<string, string> = {}, body = '"no"') =>
  (_request: unknown, response: ServerResponse) =>
    void response.writeHead(code, headers).end(body);
const halfBody = (_request: unknown, response: ServerResponse) => {
  response.writeHead(200, { 'content-length': 1_000 });
  response.write('{"results":', () => response.destroy());
};
const reset = (_request: unknown, response: ServerResponse) => void response.destroy();

describe('an effect', () => {
  test.each([
    ['400', status(400), { kind: 'refused', status: 400 }],
    ['404', status(404), { kind: 'refused', status: 404 }],
    ['409', status(409), { kind: 'refused', status: 409 }],
    ['413', status(413), { kind: 'too_large', status: 413 }],
    ['401', status(401), { kind: 'unauthorized', status: 401 }],
    ['403', status(403), { kind: 'unauthorized', status: 403 }],
    ['429', status(429, { 'retry-after': '7' }), { kind: 'not_sent', retryAfterMs: 7_000 }],
    ['503', status(503, { 'retry-after': '2' }), { kind: 'unknown', retryAfterMs: 2_000 }],
    ['500', status(500), { kind: 'unknown', status: 500 }],
    ['408', status(408), { kind: 'unknown', status: 408 }],
    ['a redirect', status(302, { location: '/x' }), { kind: 'malformed', status: 302 }],
    ['a broken connection', reset, { kind: 'unknown' }],
    ['half a body', halfBody, { kind: 'unknown' }],
    ['what is not JSON', status(200, {}, 'fine'), { kind: 'malformed' }],
    ['nothing', status(200, {}, ''), { kind: 'malformed' }],
    ['a list instead of an object', status(200, {}, '[]'), { kind: 'malformed' }],
    ['too few results', status(200, {}, '{"results":[]}'), { kind: 'malformed' }],
  ])('that is answered by %s is told apart', async (_name, answer, fault) => {
    const { world, farSide } = await play(answer);
    const call = world.platform.revoke(revocation);
    await expect(call.send(permit())).rejects.toMatchObject({ name: 'Fault', ...fault });
    expect(farSide.received).toHaveLength(1);
  });

  test('that nobody listens to was not sent', async () => {
    const { world, farSide } = await play(status(200));
    await farSide.close();
    const call = world.optimove.reportStatus(report);
    await expect(call.send(permit())).rejects.toMatchObject({ kind: 'not_sent' });
  });

  test('leaves nothing on the wire when its permit is over', async () => {
    const { world, farSide } = await play(status(200));
    const call = world.optimove.reportStatus(report);
    const late = call.send({ until: performance.now() });
    await expect(late).rejects.toMatchObject({ kind: 'not_sent' });
    expect(farSide.received).toEqual([]);
  });

  test('has one body and one hash, however often it is built and sent', async () => {
    const { world, farSide } = await play(status(200));
    const call = world.optimove.reportStatus(report);
    await call.send(permit());
    await call.send(permit());
    await world.optimove.reportStatus(report).send(permit());
    expect(new Set(farSide.received.map(({ body }) => body)).size).toBe(1);
    expect(world.optimove.reportStatus(report).hash).toBe(call.hash);
    const other = { ...report, customers: [{ customerId: 'P-1', approved: false }] };
    expect(world.optimove.reportStatus(other).hash).not.toBe(call.hash);
  });

  test('of a writing call is done by any 2xx, with or without a body', async () => {
    for (const body of ['', '{"ResponseCode":200}', '"done"']) {
      const { world } = await play(status(200, {}, body));
      await expect(world.optimove.reportStatus(report).send(permit())).resolves.toBeUndefined();
    }
  });

  test('takes no turn: its slot is taken where it begins', async () => {
    const { world } = await play(status(200));
    const call = world.optimove.reportStatus(report);
    await call.send(permit());
    expect(call.limit).toMatchObject({ bucket: 'acme/optimove', requests: 50, perMs: 10_000 });
    expect(world.notes).toEqual([]);
  });

  test('never says in its fault what the body said', async () => {
    const { world } = await play(status(400, {}, '"unknown customer P-1"'));
    const fault = await world.optimove
      .reportStatus(report)
      .send(permit())
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Error);
    expect(String(fault)).not.toContain('P-1');
  });
});

describe('a reading call', () => {
  test('takes a turn, and tells when the answer is in', async () => {
    const { world } = await play(status(200, {}, '[]'));
    const page = { campaignId: '7', skip: 0, top: 10 };
    await world.optimove.processedCustomers(page, reading());
    expect(world.notes).toEqual([
      { told: 'turn', bucket: 'acme/optimove', class: 'bulk' },
      { told: 'answered' },
    ]);
  });

  test('that hears 429 pauses everyone, for as long as it was told', async () => {
    const { world } = await play(status(429, { 'retry-after': '3' }));
    await expect(world.optimove.probe(reading())).rejects.toMatchObject({ kind: 'not_sent' });
    expect(world.notes).toContainEqual({ told: 'pause', ms: 3_000 });
  });

  test('that hears 401 halts the tenant', async () => {
    const { world } = await play(status(401));
    await expect(world.optimove.probe(reading())).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(world.notes).toContainEqual({ told: 'unauthorized', farSide: 'optimove' });
  });

  test('is given up on the wire when its signal is aborted', async () => {
    const { world, farSide } = await play(() => undefined);
    const abort = new AbortController();
    const asked = world.optimove.probe(reading(abort.signal));
    await waitUntil(() => farSide.received.length === 1);
    const reason = new Error('canceled');
    abort.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });

  test('sends nothing when its signal was aborted while it waited for its turn', async () => {
    const { world, farSide } = await play(status(200, {}, '{}'));
    const signal = AbortSignal.abort(new Error('canceled'));
    await expect(world.optimove.probe(reading(signal))).rejects.toThrow('canceled');
    expect(farSide.received).toEqual([]);
  });

  test('does not take a bare JSON string for an answer, whatever its status', async () => {
    const { world } = await play(status(200, {}, '"Unauthorized"'));
    const page = { campaignId: '7', skip: 0, top: 10 };
    const malformed = { kind: 'malformed' };
    await expect(world.optimove.processedCustomers(page, reading())).rejects.toMatchObject(
      malformed,
    );
    await expect(world.optimove.campaignDetails('7', reading())).rejects.toMatchObject(malformed);
    await expect(world.optimove.probe(reading())).rejects.toMatchObject(malformed);
  });

  test('refuses text that is not UTF-8, lest an id change its spelling', async () => {
    const { world } = await play((_request, response) => {
      response.end(Buffer.from('[{"CustomerID":"P-\xff"}]', 'latin1'));
    });
    const page = { campaignId: '7', skip: 0, top: 10 };
    await expect(world.optimove.processedCustomers(page, reading())).rejects.toMatchObject({
      kind: 'malformed',
    });
  });
});
