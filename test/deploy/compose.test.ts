import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import packageFile from '../../package.json' with { type: 'json' };
import { readEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { searchAttributeKeys } from '../../src/workflows/ids.ts';

const text = (path: string): string => readFileSync(path, 'utf8');

const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  profiles: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  volumes: z
    .array(z.union([z.string(), z.object({ source: z.string(), target: z.string() })]))
    .default([]),
  ports: z.array(z.string()).default([]),
  deploy: z.object({ replicas: z.number() }).optional(),
  restart: z.string(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
type Service = z.output<typeof service>;

const compose = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(text('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const ours = services.filter(([, one]) => one.build !== undefined);
const example = parseEnv(text('.env.example'));

/** Where a mount comes from on the host, with the defaults of its variables. */
function sourceOf(volume: Service['volumes'][number]): string {
  const source = typeof volume === 'string' ? (volume.split(':')[0] ?? '') : volume.source;
  return source.replace(/\$\{\w+:-([^}]*)\}/, '$1');
}

describe('docker-compose.yml', () => {
  it('runs two gateways, two workers, and the sandbox only when asked', () => {
    expect(ours.map(([name, one]) => [name, one.deploy?.replicas, one.profiles])).toEqual([
      ['gateway', 2, undefined],
      ['worker', 2, undefined],
      ['sandbox', undefined, ['sandbox']],
    ]);
  });

  it.each(ours)('starts %s by an npm script', (_, { command = [] }) => {
    const [npm, run, script = '', dashes] = command;
    expect([npm, run]).toEqual(['npm', 'run']);
    expect(Object.keys(packageFile.scripts)).toContain(script);
    expect([undefined, '--']).toContain(dashes);
  });

  it.each(ours)(
    'gives %s only variables that .env.example names and the schema takes',
    (_, one) => {
      for (const name of Object.keys(one.environment)) expect(example).toHaveProperty(name);
      const given = Object.fromEntries(
        Object.entries(one.environment).map(([name, value]) => [name, withDefaults(String(value))]),
      );
      const read = readEnvironment(given, '/nowhere');
      if (one.profiles) return;
      expect(read).toMatchObject({
        configFile: 'promoflow.yaml',
        temporalAddress: 'temporal:7233',
      });
      expect(read.databaseUrl).toContain('@ledger:5432/');
    },
  );

  it('takes from .env only what .env.example names', () => {
    const wanted = [...text('docker-compose.yml').matchAll(/(?<!\$)\$\{(\w+)/g)];
    expect(wanted.length).toBeGreaterThan(3);
    for (const [, name = ''] of wanted) expect(example).toHaveProperty(name);
  });

  it.each(services)('pins the image of %s', (_, { image, build }) => {
    if (build) expect(image).toBe(`promoflow:${packageFile.version}`);
    else expect(image).toMatch(/^[\w./-]+:\d+(\.\d+)+$/);
  });

  it.each(services)('mounts into %s only what is there, or what its example becomes', (_, one) => {
    for (const source of one.volumes.map(sourceOf)) {
      const twin = source === '.env' ? '.env.example' : source.replace('.yaml', '.example.yaml');
      const isVolume = source in compose.volumes;
      expect([source, isVolume || existsSync(source) || existsSync(twin)]).toEqual([source, true]);
    }
  });

  it.each(services)(
    'restarts %s, and looks after its health where others wait for it',
    (name, one) => {
      expect(one.restart).toMatch(/^(unless-stopped|on-failure:\d+)$/);
      const waiting = services.flatMap(([, { depends_on }]) => depends_on[name]?.condition ?? []);
      if (waiting.includes('service_healthy')) expect(one.healthcheck).toBeDefined();
      if (one.build) expect(one.healthcheck).toBeDefined();
      for (const before of Object.keys(one.depends_on)) {
        expect(compose.services).toHaveProperty(before);
      }
    },
  );

  it('opens doors on the loopback alone', () => {
    const ports = services.flatMap(([, one]) => one.ports);
    expect(ports.length).toBeGreaterThan(3);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('asks for the health of a worker where its variable opens the door', () => {
    const { worker } = compose.services;
    const port = String(worker?.environment['PROMOFLOW_METRICS_PORT']);
    expect(worker?.healthcheck?.test.join(' ')).toContain(`127.0.0.1:${port}/readyz`);
  });
});

describe('what Temporal is set up with', () => {
  it('shares its queues fairly, and is not slowed down', () => {
    const settings = parse(text('deploy/temporal/dynamic-config.yaml'));
    expect(settings).toEqual({
      'matching.enableFairness': [{ value: true }],
      'system.enableActivityEagerExecution': [{ value: true }],
      'history.transferProcessorMaxPollRPS': [{ value: 2000 }],
      'history.transferProcessorMaxPollHostRPS': [{ value: 2000 }],
    });
    const { temporal } = compose.services;
    const [mount] = temporal?.volumes ?? [];
    const target = String(mount).split(':')[1];
    const file = temporal?.environment['DYNAMIC_CONFIG_FILE_PATH'];
    expect(file).toBe(`${target}/dynamic-config.yaml`);
  });

  it('knows every search attribute of ours', () => {
    const added = [...text('deploy/temporal/namespace.sh').matchAll(/^add (\w+) (\w+)$/gm)];
    const known = Object.values(searchAttributeKeys).map(({ name, type }) => [name, type]);
    expect(added.map(([, name, type]) => [name, type?.toUpperCase()])).toEqual(known);
  });

  it.each(['temporal-schema', 'temporal-namespace'])('runs a script that is there: %s', (name) => {
    const { entrypoint = [], volumes } = compose.services[name] ?? expect.fail();
    const script = entrypoint[1]?.replace('/setup', sourceOf(volumes[0] ?? ''));
    expect(existsSync(String(script))).toBe(true);
  });
});

describe('the image', () => {
  it('follows npm ci, and copies only what is there', () => {
    const dockerfile = text(ours[0]?.[1].build?.dockerfile ?? '');
    expect(dockerfile).toMatch(/^RUN npm ci\b/m);
    const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, from = '']) =>
      from.split(' '),
    );
    expect(copied).toContain('src');
    expect(copied.filter((source) => !existsSync(source))).toEqual([]);
    const admitted = [...text('deploy/Dockerfile.dockerignore').matchAll(/^!(.+)$/gm)];
    expect(admitted.map(([, name]) => name).toSorted()).toEqual(copied.toSorted());
  });

  it('has all that its commands run', () => {
    const scripts = ours.map(([, { command = [] }]) => command[2] ?? '');
    const mains = Object.entries(packageFile.scripts)
      .filter(([name]) => scripts.includes(name))
      .map(([, run]) => run.split(' ').at(-1) ?? '');
    expect(mains).toHaveLength(3);
    for (const main of mains) expect(existsSync(main)).toBe(true);
  });
});

describe('the trial with the sandbox', () => {
  it('has a tenant file that is right', () => {
    const environment = readEnvironment({ PROMOFLOW_CONFIG: 'deploy/sandbox.yaml' }, '/nowhere');
    const config = loadConfig(environment);
    expect(config.tenants.map(({ tenant }) => tenant)).toEqual(['acme']);
    const { command = [] } = compose.services['sandbox'] ?? {};
    const port = command.at(-1);
    expect(config.tenants[0]?.platform.baseUrl).toBe(`http://sandbox:${port}/acme/platform`);
  });
});

/** `${NAME:-default}` and `${NAME}` as compose fills them. */
function withDefaults(value: string): string {
  return value.replace(/\$\{\w+(?::-([^}]*))?\}/g, (_, fallback) => fallback ?? 'filled');
}
