import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError, type Mistake } from '../../src/config/mistakes.ts';

export const secret = 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=';
/** The few keys that a tenant needs. */
export const acme = {
  timeZone: 'Europe/Malta',
  webhookToken: 'tok',
  optimove: { baseUrl: 'http://optimove.test/acme', apiKey: 'key' },
  platform: { baseUrl: 'http://platform.test', secret },
};
export const promotions = { baseUrl: 'http://promotions.test', apiKey: 'key' };

/** Loads a file with one tenant, `acme`, that has these sections besides. */
export function loadTenant(sections: object) {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const configFile = join(folder, 'promoflow.yaml');
  writeFileSync(configFile, stringify({ tenants: { acme: { ...acme, ...sections } } }));
  const [tenant] = loadConfig({ configFile, variables: {} }).tenants;
  if (!tenant) throw new Error('the file names a tenant');
  return tenant;
}

/** The mistakes that these sections are refused for, their places below the tenant. */
export function mistakesOf(sections: object): Mistake[] {
  try {
    loadTenant(sections);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes.map(({ path, message }) => ({
      path: path.replace(/^\S+ tenants\.acme\./, ''),
      message,
    }));
  }
  return [];
}
