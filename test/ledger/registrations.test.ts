import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acceptRegistration,
  beginRegistration,
  lastRegistrations,
} from '../../src/ledger/registrations.ts';
import { openLedger, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(2);
});
afterAll(() => ledger.close());

const url = 'https://promoflow.test/gate/acme/token';
const address = { url, shown: 'https://promoflow.test/gate/acme/<webhookToken>' };

const begin = (tenant: string, generation: string) =>
  beginRegistration(ledger.pool, tenant, { generation, ...address });
const last = (tenant: string, of = url) => lastRegistrations(ledger.pool, tenant, of);

test('a tenant that never registered has no registration', async () => {
  expect(await last('nobody')).toEqual({ accepted: undefined, open: undefined });
});

test('what was not accepted stays open beside the last that was, until the next that is', async () => {
  await acceptRegistration(ledger.pool, await begin('acme', 'v1'));
  await begin('acme', 'v2');
  expect(await last('acme')).toMatchObject({
    accepted: { generation: 'v1', address: address.shown, isSame: true },
    open: { generation: 'v2', acceptedAt: null },
  });
  await acceptRegistration(ledger.pool, await begin('acme', 'v2'));
  expect(await last('acme')).toMatchObject({ accepted: { generation: 'v2' }, open: undefined });
});

test('one tenant’s registration is not another’s', async () => {
  await acceptRegistration(ledger.pool, await begin('one', 'v1'));
  await begin('two', 'v2');
  expect(await last('one')).toMatchObject({ accepted: { generation: 'v1' }, open: undefined });
  expect(await last('two')).toMatchObject({ accepted: undefined, open: { generation: 'v2' } });
});

test('the token is not kept, and another one is found out', async () => {
  await acceptRegistration(ledger.pool, await begin('secret', 'v2'));
  const { accepted } = await last('secret', `${url}2`);
  expect(accepted).toMatchObject({ isSame: false, address: address.shown });
  const { rows } = await ledger.pool.query('select to_jsonb(r)::text as row from registration r');
  expect(rows.map(({ row }) => row).join()).not.toContain('acme/token');
});
