import type { Logger, LogLevel, LogMetadata } from '@temporalio/worker';
import pino from 'pino';
import type { Log } from './world.ts';

/**
 * A structured log on standard output, one JSON object a line. It redacts nothing, because nothing
 * secret is ever handed to it: ids and counts only.
 */
export function createLog(level: string): Log {
  const log = pino({ level });
  return {
    info: (facts, message) => log.info(facts, message),
    warn: (facts, message) => log.warn(facts, message),
    error: (facts, message) => log.error(facts, message),
  };
}

/**
 * What workflows, activities and Temporal's SDK have to say, as lines of our log: whatever the stories
 * say, and the SDK's own words from WARN on.
 */
export function createSdkLogger(log: Log): Logger {
  function write(level: LogLevel, message: string, meta: LogMetadata = {}): void {
    const facts = factsOf(meta);
    if (level === 'ERROR') log.error(facts, message);
    else if (level === 'WARN') log.warn(facts, message);
    else if (level === 'INFO' && meta['sdkComponent'] === 'workflow') log.info(facts, message);
  }
  return {
    log: write,
    trace: () => {},
    debug: () => {},
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}

/** Neither of interest nor ours to show: a task's token lets its bearer answer for the activity. */
const unsaid = new Set(['taskToken', 'namespace', 'taskQueue', 'isLocal', 'activityId']);

function factsOf(meta: LogMetadata): Record<string, unknown> {
  const said = Object.entries(meta).filter(([name]) => !unsaid.has(name));
  return {
    ...(meta['workflowId'] !== undefined && subjectOf(meta)),
    ...Object.fromEntries(said.map(([name, value]) => [name, plain(value)])),
  };
}

/** Tenant, campaign and batch, as the ids of a run and its activity name them. */
function subjectOf({ workflowId, activityId }: LogMetadata): Record<string, unknown> {
  const named =
    /^([^/]+)\/(?:(?:campaign|cancellation|expiry)\/([^/]+)(?:\/.*?batch\/(\d+))?)?/.exec(
      `${workflowId}/${activityId}`,
    );
  const [, tenant, campaign, batch] = named ?? [];
  return {
    ...(tenant !== undefined && { tenant }),
    ...(campaign !== undefined && { campaign }),
    ...(batch !== undefined && { batch: Number(batch) }),
  };
}

/** An error's own words, without what drivers and clients hang on it: rows, requests, answers. */
function plain(value: unknown): unknown {
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}
