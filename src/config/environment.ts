import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { ConfigError } from './mistakes.ts';

/** Variables as the operating system or a `.env` file gives them. */
export type Variables = Record<string, string | undefined>;

const port = z.coerce
  .number({ error: 'is not a port' })
  .int('is not a port')
  .min(0, 'is not a port')
  .max(65_535, 'is not a port');

const schema = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'is not a postgres:// address' })
    .optional(),
  TEMPORAL_ADDRESS: z.string().optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  PROMOFLOW_CONFIG: z.string().default('promoflow.yaml'),
  PROMOFLOW_DATA: z.string().default('.promoflow'),
  PROMOFLOW_HOST: z.string().default('127.0.0.1'),
  PROMOFLOW_PORT: port.default(8080),
  PROMOFLOW_METRICS_PORT: port.optional(),
  PROMOFLOW_URL: z
    .url({ protocol: /^https?$/, error: 'is not an http:// or https:// address' })
    .optional(),
  PROMOFLOW_KEY: z.string().optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

export interface Environment {
  /** Absent: an embedded Postgres is started. */
  databaseUrl: string | undefined;
  /** Absent: a dev server is started; how to connect is left to `@temporalio/envconfig`. */
  temporalAddress: string | undefined;
  temporalNamespace: string;
  configFile: string;
  dataFolder: string;
  host: string;
  port: number;
  /** Where a worker apart answers `/metrics` and its health; absent: nowhere. */
  metricsPort: number | undefined;
  /** Where the command line finds the operator API; absent: the port chosen in the data folder. */
  url: string | undefined;
  key: string | undefined;
  logLevel: string;
  /** All variables, for `${NAME}` in the tenant file and for `@temporalio/envconfig`. */
  variables: Variables;
}

/**
 * Reads the environment: the process's variables over those of a `.env` file in `folder`, if there is
 * one. The only reader of `process.env`. Throws a ConfigError that lists every mistake.
 */
export function readEnvironment(source: Variables = process.env, folder = '.'): Environment {
  const file = `${folder}/.env`;
  const stored = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  // A variable that is set to nothing counts as not set, for every reader of `variables` too.
  const variables: Variables = Object.fromEntries(
    Object.entries({ ...stored, ...source }).filter(([, value]) => value !== ''),
  );
  const result = schema.safeParse(variables);
  if (!result.success) {
    throw new ConfigError(
      result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
    );
  }
  const { data } = result;
  return {
    databaseUrl: data.DATABASE_URL,
    temporalAddress: data.TEMPORAL_ADDRESS,
    temporalNamespace: data.TEMPORAL_NAMESPACE,
    configFile: data.PROMOFLOW_CONFIG,
    dataFolder: data.PROMOFLOW_DATA,
    host: data.PROMOFLOW_HOST,
    port: data.PROMOFLOW_PORT,
    metricsPort: data.PROMOFLOW_METRICS_PORT,
    url: data.PROMOFLOW_URL,
    key: data.PROMOFLOW_KEY,
    logLevel: data.LOG_LEVEL,
    variables,
  };
}
