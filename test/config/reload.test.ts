import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { follow } from '../../src/served.ts';
import { wire } from '../../src/wiring.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoflow-reload-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const secret = 'whsec_c2VjcmV0c2VjcmV0';
const tenantOf = (apiKey: string) => ({
  timeZone: 'Europe/Malta',
  webhookToken: 'tok',
  optimove: { baseUrl: 'http://127.0.0.1:9', apiKey },
  platform: { baseUrl: 'http://127.0.0.1:9', secret },
});
const operator = (key: string) => [{ name: 'ops', key, role: 'operate' }];

/** A process without its servers: they are only reached for when something is asked of them. */
function open(content: object) {
  const configFile = join(folder, 'promoflow.yaml');
  const write = (changed: object) => writeFileSync(configFile, stringify(changed));
  write(content);
  const environment = readEnvironment({ PROMOFLOW_CONFIG: configFile }, folder);
  const config = loadConfig(environment);
  const lines: string[] = [];
  const say = (facts: object, message: string) =>
    void lines.push(`${message} ${JSON.stringify(facts)}`);
  const wired = wire(
    config,
    {
      databaseUrl: 'postgres://nobody@127.0.0.1:9/nothing',
      temporal: { connectionOptions: { address: '127.0.0.1:9' }, namespace: 'none' },
    },
    { info: say, warn: say, error: say },
  );
  const stop = follow(wired, { environment, config }, folder);
  return {
    wired,
    lines,
    write,
    async close() {
      await stop();
      await wired.stop();
    },
  };
}

test('SIGHUP puts other settings in place, for everybody who holds them', async () => {
  const before = {
    operatorKeys: operator('k1'),
    tenants: { acme: tenantOf('one'), b: tenantOf('b') },
  };
  const { wired, write, close } = open(before);
  const { tenants, worlds, operatorKeys } = wired;
  const [acme, b] = [worlds.get('acme'), worlds.get('b')];
  write({
    operatorKeys: operator('k2'),
    alerts: { url: 'http://127.0.0.1:9/alerts', secret },
    tenants: { acme: tenantOf('two'), c: tenantOf('c') },
  });
  expect(wired.alertReceiver()).toBeUndefined();
  process.emit('SIGHUP');
  await expect.poll(() => tenants.get('acme')?.optimove.apiKey).toBe('two');
  expect([...tenants.keys()].sort()).toEqual(['acme', 'c']);
  expect([...worlds.keys()].sort()).toEqual(['acme', 'c']);
  expect(worlds.get('acme')).not.toBe(acme);
  expect(worlds.get('b')).not.toBe(b);
  expect(operatorKeys.map(({ key }) => key)).toEqual(['k2']);
  expect(wired.alertReceiver()).toBeDefined();
  await close();
});

test('a reload with mistakes keeps the old settings and raises an alert, without a value', async () => {
  const { wired, write, lines, close } = open({ tenants: { acme: tenantOf('one') } });
  write({ tenants: { acme: { ...tenantOf('two'), timeZone: 'Nowhere/Hidden' } } });
  process.emit('SIGHUP');
  await expect
    .poll(() => lines.filter((line) => line.includes('"alert"')), { timeout: 20_000 })
    .toEqual([
      expect.stringMatching(/the changed configuration cannot be used .*acme.timeZone: must be/),
    ]);
  expect(lines.join()).not.toContain('Hidden');
  expect(wired.tenants.get('acme')?.optimove.apiKey).toBe('one');
  await close();
});
