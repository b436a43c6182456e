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
