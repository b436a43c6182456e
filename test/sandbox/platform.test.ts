import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { allocation, call, customer, FLAT, PLAIN, play, sign } from './caller.ts';

async function playPlain(shares: Record<string, number> = {}) {
  const caller = await play({ catalog: FLAT, platform: { maxItemsPerCall: 3 } });
  const id = caller.sandbox.createCampaign('acme', { customers: 10, ...PLAIN, ...shares });
  return { ...caller, id };
}

const lookUp = async ({ platform }: Awaited<ReturnType<typeof playPlain>>, key: string) =>
  (await platform('lookups', { keys: [key] })).json.results[0];

describe('platform', () => {
  it('answers the same key the same and gives nothing again', async () => {
    const played = await playPlain();
    const { sandbox, allocate, validate, id } = played;
    await validate(id, 'SPRING25', [customer(0)]);
    const first = await allocate(id, allocation('k0', customer(0)));
    const again = await allocate(id, allocation('k0', customer(0)));
    expect(first.json.results[0]).toEqual({ key: 'k0', status: 'allocated', reference: 'ref-1' });
    expect(again.json).toEqual(first.json);
    expect(await lookUp(played, 'k0')).toEqual({
      key: 'k0',
      status: 'allocated',
      reference: 'ref-1',
    });
    expect(sandbox.verdict('acme', id)).toMatchObject({ allocated: 1, violations: [] });
  });

  it('takes back what it gave, and never gives that key again', async () => {
    const played = await playPlain();
    const { sandbox, allocate, revoke, id } = played;
    await allocate(id, allocation('k0', customer(0), { rewards: [] }));
    expect((await revoke(id, 'k0')).json.results).toEqual([{ key: 'k0', status: 'revoked' }]);
    expect((await revoke(id, 'k0')).json.results).toEqual([{ key: 'k0', status: 'revoked' }]);
    expect(await lookUp(played, 'k0')).toEqual({ key: 'k0', status: 'revoked' });
    const later = await allocate(id, allocation('k0', customer(0), { rewards: [] }));
    expect(later.json.results).toEqual([{ key: 'k0', status: 'declined', reason: 'revoked' }]);
    expect(sandbox.verdict('acme', id)).toMatchObject({ allocated: 0, revoked: 1, violations: [] });
  });

  it('bars a key that is revoked before it was ever allocated', async () => {
    const played = await playPlain();
    const { sandbox, allocate, revoke, id } = played;
    expect(await lookUp(played, 'k0')).toEqual({ key: 'k0', status: 'unknown' });
    expect((await revoke(id, 'k0')).json.results).toEqual([{ key: 'k0', status: 'unknown' }]);
    expect((await revoke(id, 'k0')).json.results).toEqual([{ key: 'k0', status: 'unknown' }]);
    expect(await lookUp(played, 'k0')).toEqual({ key: 'k0', status: 'revoked' });
    const later = await allocate(id, allocation('k0', customer(0)));
    expect(later.json.results).toEqual([{ key: 'k0', status: 'declined', reason: 'revoked' }]);
    expect(sandbox.verdict('acme', id)).toMatchObject({ allocated: 0, violations: [] });
  });

  it('answers revoked for a key that it had declined', async () => {
    const played = await playPlain({ declinedShare: 1 });
    const { sandbox, allocate, revoke, id } = played;
    const declined = await allocate(id, allocation('k0', customer(0)));
    expect(declined.json.results[0]).toMatchObject({ status: 'declined', reason: 'limit_reached' });
    expect(await lookUp(played, 'k0')).toEqual({ key: 'k0', status: 'declined' });
    expect((await revoke(id, 'k0')).json.results[0].status).toBe('revoked');
    expect(sandbox.verdict('acme', id)).toMatchObject({ declined: 1, revoked: 0 });
  });

  it('refuses more items than it takes with 413, and gives none of them', async () => {
    const { sandbox, allocate, id } = await playPlain();
    const four = [0, 1, 2, 3].map((at) => allocation(`k${at}`, customer(at), { rewards: [] }));
    expect((await allocate(id, ...four)).status).toBe(413);
    expect(sandbox.verdict('acme', id).allocated).toBe(0);
    expect((await allocate(id, ...four.slice(1))).json.results).toHaveLength(3);
  });

  it('denies in its screening whom the campaign says, and remembers it', async () => {
    const { sandbox, platform, id } = await playPlain({ deniedShare: 1 });
    const told = await platform('screenings', { campaignId: id, customerIds: [customer(3)] });
    expect(told.json).toEqual({ denied: [{ customerId: customer(3), reason: 'self_excluded' }] });
    expect(sandbox.verdict('acme', id).screenedOut).toBe(1);
  });

  it('acts on nothing that is unsigned, wrongly signed or too old', async () => {
    const { sandbox, urls, platform, id } = await playPlain();
    const body = { campaignId: id, allocations: [allocation('k0', customer(0))] };
    const text = JSON.stringify(body);
    const other = `whsec_${Buffer.from('another secret').toString('base64')}`;
    const stale = { ...sign(text, undefined, Date.now() - 301_000), 'Idempotency-Key': 'i' };
    expect((await call(`${urls.platform}/allocations`, { text })).status).toBe(401);
    expect((await platform('allocations', body, 'i', other)).status).toBe(401);
    expect((await call(`${urls.platform}/allocations`, { text, headers: stale })).status).toBe(401);
    expect(sandbox.verdict('acme', id)).toMatchObject({ allocated: 0, unauthorized: 3 });
  });

  it('demands an Idempotency-Key and refuses it with another body', async () => {
    const { sandbox, urls, platform, id } = await playPlain();
    const body = { campaignId: id, allocations: [allocation('k0', customer(0), { rewards: [] })] };
    const text = JSON.stringify(body);
    expect((await call(`${urls.platform}/allocations`, { text, headers: sign(text) })).status).toBe(
      400,
    );
    const key = randomUUID();
    expect((await platform('allocations', body, key)).status).toBe(200);
    expect((await platform('allocations', body, key)).status).toBe(200);
    expect((await platform('allocations', { ...body, allocations: [] }, key)).status).toBe(422);
    expect(sandbox.verdict('acme', id).violations).toEqual([
      expect.stringMatching(/^idempotency key reused/),
    ]);
  });

  it('keeps two tenants apart that have campaigns of one number', async () => {
    const sandbox = await startSandbox({ tenants: { acme: {}, zenith: {} } });
    onTestFinished(() => sandbox.close());
    const told = { campaignId: 7, customers: 10, ...PLAIN };
    for (const tenant of ['acme', 'zenith']) sandbox.createCampaign(tenant, told);
    const allocations = [allocation('k0', customer(0), { rewards: [] })];
    const text = JSON.stringify({ campaignId: '7', allocations });
    const headers = { ...sign(text), 'Idempotency-Key': 'i' };
    await call(`${sandbox.urls('zenith').platform}/allocations`, { text, headers });
    expect(sandbox.verdict('acme', 7).allocated).toBe(0);
    expect(sandbox.verdict('zenith', 7).allocated).toBe(1);
  });
});
