import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { begin } from '../../src/ledger/effects.ts';
import { holdCampaign } from '../../src/ledger/standing.ts';
import { openLedgerCampaign } from './acting.ts';
import { chiefKey, type Doors, openDoors, operatorKey } from './doors.ts';

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors();
});
afterAll(() => doors.close());

const base = '/api/tenants/acme';
const reason = 'the promotion is wrong';

async function act(path: string, body: unknown, key?: string) {
  const response = await doors.act(`${base}${path}`, body, key);
  const answer: { note?: string; detail?: string } = JSON.parse(await response.text());
  return { status: response.status, text: answer.note ?? answer.detail ?? '' };
}

async function audit(query = ''): Promise<{ act: string; by: string; reason: string }[]> {
  const response = await doors.read(`${base}/audit${query}`);
  return JSON.parse(await response.text()).acts;
}

async function verdictOf(ref: number, kind: 'allocate' | 'deny' | 'revoke'): Promise<string> {
  const intent = { campaign: ref, batch: 1, kind, epoch: 1, key: `${kind}/${Math.random()}` };
  const { verdict } = await begin(
    doors.pool,
    { ...intent, hash: 'h', positions: [1], kept: {}, token: 0, change: 0, aliveMs: 0 },
    undefined,
  );
  return verdict;
}

describe('an act', () => {
  it.each([
    ['without a reason', `/campaigns/1/hold`, {}, 400, /reason/],
    ['with an empty reason', `/campaigns/1/hold`, { reason: ' ' }, 400, /reason/],
    ['on what is not there', `/campaigns/1/hold`, { reason }, 404, /no campaign of this id/],
    ['with what nobody asked for', `/hold`, { reason, until: 1 }, 400, /until/],
  ])('is refused %s', async (_name, path, body, status, sentence) => {
    const refused = await act(path, body);
    expect(refused).toEqual({ status, text: expect.stringMatching(sentence) });
  });

  it('is refused to a key that may only read', async () => {
    const { ref, id } = await openLedgerCampaign(doors.pool, 'r1');
    const refused = await act(`/campaigns/${id.campaignId}/hold`, { reason }, operatorKey);
    expect(refused).toEqual({ status: 403, text: expect.stringContaining('operate') });
    expect(await verdictOf(ref, 'allocate')).toBe('begun');
    expect(await audit('?campaign=r1')).toEqual([]);
  });
});

describe('hold and release', () => {
  it('keep everything new from beginning, and let it begin again', async () => {
    const { ref } = await openLedgerCampaign(doors.pool, 'h1');
    expect(await act('/campaigns/h1/hold', { reason })).toMatchObject({ status: 200 });
    expect(await verdictOf(ref, 'allocate')).toBe('held');
    expect(doors.asked).toContainEqual({
      what: 'signal',
      of: { tenant: 'acme', campaignId: 'h1' },
    });
    expect(await act('/campaigns/h1/hold', { reason })).toEqual({
      status: 409,
      text: expect.stringContaining(`held already: ${reason}`),
    });
    expect(await act('/campaigns/h1/release', { reason: 'mended' })).toMatchObject({ status: 200 });
    expect(await verdictOf(ref, 'allocate')).toBe('begun');
    expect(await act('/campaigns/h1/release', { reason })).toMatchObject({ status: 409 });
    expect(await audit('?campaign=h1')).toMatchObject([
      { act: 'campaign release', by: 'duty', reason: 'mended' },
      { act: 'campaign hold', by: 'duty', reason },
    ]);
  });

  it.each(['/campaigns/h6', ''])(
    'of %s have what waited meanwhile settled, as claims that were begun',
    async (held) => {
      await openLedgerCampaign(doors.pool, 'h6');
      await act(`${held}/hold`, { reason });
      const before = doors.asked.length;
      expect(await act(`${held}/release`, { reason })).toMatchObject({ status: 200 });
      expect(doors.asked.slice(before)).toContainEqual({ what: 'settlement', of: 'acme' });
    },
  );

  it("leave a guard's hold to a key that may approve", async () => {
    const { ref } = await openLedgerCampaign(doors.pool, 'h2');
    await holdCampaign(doors.pool, ref, 'the audience is over the limit');
    expect(await act('/campaigns/h2/release', { reason })).toEqual({
      status: 403,
      text: expect.stringContaining('approve'),
    });
    expect(await verdictOf(ref, 'allocate')).toBe('held');
    expect(await act('/campaigns/h2/release', { reason }, chiefKey)).toMatchObject({ status: 200 });
    expect(await verdictOf(ref, 'allocate')).toBe('begun');
  });

  it("do not let a guard's hold go that came behind an operator's", async () => {
    const { ref } = await openLedgerCampaign(doors.pool, 'h3');
    await act('/campaigns/h3/hold', { reason });
    await holdCampaign(doors.pool, ref, 'too many rewards');
    expect(await act('/campaigns/h3/release', { reason })).toEqual({
      status: 403,
      text: expect.stringContaining(`too many rewards; also held by duty: ${reason}`),
    });
  });

  it('come too late after the stop, and say since when', async () => {
    await openLedgerCampaign(doors.pool, 'h4', { deadlineInMs: 20_000 });
    const refused = await act('/campaigns/h4/hold', { reason });
    expect(refused).toEqual({ status: 409, text: expect.stringMatching(/too late: .* since 20/) });
    expect(await audit('?campaign=h4')).toEqual([]);
  });

  it('say that Temporal is away, and have done nothing', async () => {
    const away = await openDoors();
    try {
      const { ref } = await openLedgerCampaign(away.pool, 'h5');
      await away.act(`${base}/campaigns/h5/hold`, { reason });
      away.loseTemporal();
      const refused = await away.act(`${base}/campaigns/h5/release`, { reason });
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('5');
      const held = await away.pool.query('select held from campaign where ref = $1', [ref]);
      expect(held.rows[0].held).toMatchObject({ by: 'duty' });
    } finally {
      await away.close();
    }
  });

  it('reach every campaign of a tenant', async () => {
    const own = await openDoors();
    try {
      const { ref } = await openLedgerCampaign(own.pool, 't1');
      const acted = await own.act(`${base}/hold`, { reason });
      expect(acted.status).toBe(200);
      expect(own.asked).toContainEqual({
        what: 'signal',
        of: { tenant: 'acme', campaignId: 't1' },
      });
      const until = async () =>
        (await own.pool.query("select admitted_until('allocate', $1)::text as at", [ref])).rows[0]
          .at;
      expect(await until()).toBe('-infinity');
      expect((await own.act(`${base}/hold`, { reason })).status).toBe(409);
      expect((await own.act(`${base}/release`, { reason })).status).toBe(200);
      expect(await until()).not.toBe('-infinity');
      expect((await own.act(`${base}/release`, { reason })).status).toBe(409);
      const acts = JSON.parse(await (await own.read(`${base}/audit`)).text()).acts;
      expect(acts.map((one: { act: string }) => one.act)).toEqual([
        'tenant release',
        'tenant hold',
      ]);
    } finally {
      await own.close();
    }
  });
});

describe('cancel', () => {
  it('counts from its answer: only false and taking back may begin', async () => {
    const { ref } = await openLedgerCampaign(doors.pool, 'c1');
    expect(await act('/campaigns/c1/cancel', { reason })).toMatchObject({ status: 200 });
    const verdicts = [];
    for (const kind of ['allocate', 'deny', 'revoke'] as const) {
      verdicts.push(await verdictOf(ref, kind));
    }
    expect(verdicts).toEqual(['fenced', 'begun', 'begun']);
    const of = { tenant: 'acme', campaignId: 'c1', by: 'operator' };
    expect(doors.asked).toContainEqual({ what: 'cancellation', of });
    expect(await act('/campaigns/c1/cancel', { reason })).toEqual({
      status: 409,
      text: expect.stringContaining('canceled by an operator'),
    });
    expect(await act('/campaigns/c1/retry', { reason })).toMatchObject({ status: 409 });
  });

  it('says after the last report how many were told, and needs force, which an approver has', async () => {
    const { ref } = await openLedgerCampaign(doors.pool, 'c2');
    await doors.pool.query(
      `update campaign set deadline = now(), stop = now(), last_report = now() where ref = $1`,
      [ref],
    );
    await doors.pool.query(
      `update batch set clearance = set_byte(set_byte(clearance, 0, 1), 1, 4) where campaign = $1`,
      [ref],
    );
    expect(await act('/campaigns/c2/cancel', { reason })).toEqual({
      status: 409,
      text: expect.stringMatching(/too late: .* and 2 customers were told true/),
    });
    const forced = { reason, force: true };
    expect(await act('/campaigns/c2/cancel', forced)).toMatchObject({ status: 403 });
    expect(await audit('?campaign=c2')).toEqual([]);
    expect(await act('/campaigns/c2/cancel', forced, chiefKey)).toMatchObject({ status: 200 });
    expect(await audit('?campaign=c2')).toMatchObject([
      { act: 'campaign cancel --force', by: 'chief', reason },
    ]);
  });
});

describe('retry', () => {
  it('opens a closed campaign again over what is not final', async () => {
    const { ref } = await openLedgerCampaign(doors.pool, 'y1');
    await doors.pool.query(
      `update campaign set phase = 'closed', summary = '{"reason": "decided"}' where ref = $1`,
      [ref],
    );
    expect(await act('/campaigns/y1/retry', { reason })).toEqual({
      status: 200,
      text: expect.stringContaining('epoch 2'),
    });
    const shown = JSON.parse(await (await doors.read(`${base}/campaigns/y1`)).text());
    expect(shown).toMatchObject({ phase: 'running', epoch: 2, summary: null });
    expect(await audit('?campaign=y1')).toMatchObject([{ act: 'campaign retry', by: 'duty' }]);
  });

  it('comes too late after the stop', async () => {
    await openLedgerCampaign(doors.pool, 'y2', { deadlineInMs: 20_000 });
    expect(await act('/campaigns/y2/retry', { reason })).toEqual({
      status: 409,
      text: expect.stringContaining('too late'),
    });
  });
});

describe('suppressions', () => {
  it('are added, listed page by page, and removed', async () => {
    const customerIds = ['s-1', 's-2', 's-3'];
    expect(await act('/suppressions', { customerIds, reason })).toMatchObject({ status: 200 });
    const page = async (query: string) =>
      JSON.parse(await (await doors.read(`${base}/suppressions${query}`)).text()).suppressions;
    expect(await page('?limit=2')).toMatchObject([
      { customerId: 's-1', reason },
      { customerId: 's-2', reason },
    ]);
    expect(await page('?after=s-2')).toMatchObject([{ customerId: 's-3' }]);
    expect(await act('/suppressions/remove', { customerIds, reason })).toMatchObject({
      status: 200,
    });
    expect(await page('')).toEqual([]);
    expect(await act('/suppressions/remove', { customerIds, reason })).toMatchObject({
      status: 404,
    });
    const acts = await audit();
    expect(acts.slice(0, 2)).toMatchObject([
      { act: 'suppress remove', subject: '3 customers' },
      { act: 'suppress add', subject: '3 customers' },
    ]);
  });

  it.each([
    ['nobody', { customerIds: [] }],
    ['an id that no audience can hold', { customerIds: ['a\u001fb'] }],
    ['more than ten thousand', { customerIds: Array.from({ length: 10_001 }, (_, n) => `n${n}`) }],
  ])('are refused for %s', async (_name, body) => {
    expect(await act('/suppressions', { ...body, reason })).toMatchObject({ status: 400 });
  });

  it('are refused where the body is too large, in its own words', async () => {
    const customerIds = Array.from({ length: 9_999 }, () => 'x'.repeat(500));
    expect(await act('/suppressions', { customerIds, reason })).toEqual({
      status: 413,
      text: 'The body may have at most 4 MiB.',
    });
  });
});
