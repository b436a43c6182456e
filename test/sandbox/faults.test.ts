import { describe, expect, it } from 'vitest';
import { createFaults, type FaultRule, faultRule } from '../../sandbox/faults.ts';
import { allocation, customer, FLAT, openDoor, PLAIN, play } from './caller.ts';

function struckCalls(rules: FaultRule[], seed: number, kind = 'validate'): number[] {
  const faults = createFaults(
    rules.map((rule) => faultRule.parse(rule)),
    seed,
  );
  const numbers = Array.from({ length: 200 }, (_, at) => at + 1);
  return numbers.filter(() => faults.strike('promotions', kind, 0).length > 0);
}

async function playFault(rule: FaultRule) {
  const caller = await play({ catalog: FLAT });
  const id = caller.sandbox.createCampaign('acme', { customers: 10, ...PLAIN });
  caller.sandbox.setFaults('acme', [rule]);
  return { ...caller, id };
}

describe('faults', () => {
  it('strike the same calls under the same seed, others under another', () => {
    const rules: FaultRule[] = [{ kind: 'validate', fault: '500', probability: 0.3 }];
    const struck = struckCalls(rules, 5);
    expect(struck.length).toBeGreaterThan(30);
    expect(struck.length).toBeLessThan(90);
    expect(struckCalls(rules, 5)).toEqual(struck);
    expect(struckCalls(rules, 6)).not.toEqual(struck);
  });

  it('strike the calls they name, and no other kind', () => {
    expect(struckCalls([{ fault: '500', calls: [2, 7] }], 1)).toEqual([2, 7]);
    expect(struckCalls([{ fault: '500', fromCall: 3, toCall: 4 }], 1)).toEqual([3, 4]);
    expect(struckCalls([{ fault: '500', kind: 'audience' }], 1)).toEqual([]);
    expect(struckCalls([{ fault: '500', far: 'platform' }], 1)).toEqual([]);
  });

  it('end when their time is over', () => {
    const rule = faultRule.parse({ fault: '500', forSeconds: 2 });
    const faults = createFaults([rule], 1, 1000);
    expect(faults.strike('data', 'upload', 3000)).toHaveLength(1);
    expect(faults.strike('data', 'upload', 3001)).toHaveLength(0);
  });

  it.each(['429', '500', '503'] as const)('answer %s without acting', async (fault) => {
    const { sandbox, id, validate } = await playFault({ fault, retryAfterSeconds: 3, calls: [1] });
    const told = await validate(id, 'SPRING25', [customer(0)]);
    expect(told.status).toBe(Number(fault));
    expect(told.headers.get('retry-after')).toBe(fault === '500' ? null : '3');
    expect(sandbox.verdict('acme', id)).toMatchObject({ validated: 0, http429: 0 });
    expect(sandbox.traffic('acme').faults).toEqual({ [`validate ${fault}`]: 1 });
    expect((await validate(id, 'SPRING25', [customer(0)])).status).toBe(200);
  });

  it('break the connection before anything was done', async () => {
    const { sandbox, id, allocate } = await playFault({ fault: 'refuse' });
    await expect(allocate(id, allocation('k0', customer(0), { rewards: [] }))).rejects.toThrow();
    expect(sandbox.verdict('acme', id).allocated).toBe(0);
  });

  it.each(['half', 'reset'] as const)('act and then lose the answer: %s', async (fault) => {
    const { sandbox, id, allocate, report } = await playFault({ fault });
    await expect(allocate(id, allocation('k0', customer(0), { rewards: [] }))).rejects.toThrow();
    await expect(report(id, { [customer(0)]: true })).rejects.toThrow();
    expect(sandbox.verdict('acme', id)).toMatchObject({ allocated: 1, approved: 1 });
  });

  it('act and then answer nothing, until the sandbox is closed', async () => {
    const { sandbox, id, validate } = await playFault({ fault: 'hang' });
    const lost = expect(validate(id, 'SPRING25', [customer(0)])).rejects.toThrow();
    await expect.poll(() => sandbox.verdict('acme', id).validated).toBe(1);
    await sandbox.close();
    await lost;
  });

  it('answer late when slow, and the latency comes on top of nothing else', async () => {
    const { sandbox, id, validate } = await playFault({ fault: 'slow', ms: 40, calls: [1] });
    sandbox.setLatencies('acme', { promotions: 10 });
    const started = performance.now();
    expect((await validate(id, 'SPRING25', [customer(0)])).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(49);
  });

  it('lose, double and delay hooks', async () => {
    const { sandbox, id } = await playFault({ far: 'hooks', fault: 'lost', calls: [1] });
    const { url, heard } = await openDoor();
    const lost = await sandbox.announce('acme', id, { hookUrl: url });
    expect(lost).toMatchObject([{ error: 'lost', status: undefined }]);
    sandbox.setFaults('acme', [
      { far: 'hooks', fault: 'duplicate' },
      { far: 'hooks', fault: 'late', ms: 5 },
    ]);
    const doubled = await sandbox.announce('acme', id, { hookUrl: url });
    expect(doubled.map(({ status }) => status)).toEqual([200, 200]);
    expect(heard).toHaveLength(2);
  });
});
