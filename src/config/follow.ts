import { statSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type Environment, readEnvironment, type Variables } from './environment.ts';
import { type Config, loadConfig } from './load.ts';

/** The configuration that counts now. */
export interface Followed {
  environment: Environment;
  config: Config;
}

/** Whoever follows the configuration is told one thing after another; it never rejects. */
export interface Follower {
  /** Other settings count from now on. `fixed`: variables that count only after a restart. */
  changed(config: Config, fixed: string[]): Promise<void>;
  /** What was read is as it was before, or is again. */
  unchanged(): Promise<void>;
  /** What was read cannot be used: the old settings stand. */
  refused(error: Error): Promise<void>;
}

export interface Following {
  /** Reads the files now, changed or not. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Looked at by their stamps, which also tells of links, mounted folders, and files put in place. */
const lookEveryMs = 1_000;

/** What only a restart can change: our own servers, the doors, the files' places, the log's level. */
const fixedNames =
  /^(?:DATABASE_URL|TEMPORAL_\w+|PROMOFLOW_(?:CONFIG|DATA|HOST|PORT|METRICS_PORT)|LOG_LEVEL)$/;

/**
 * Follows the tenant file and `.env`: reads them again whenever one has changed, so that keys and
 * secrets are mended without a restart. Mistakes are told, and change nothing.
 */
export function followConfig(
  first: Followed,
  follower: Follower,
  { source, folder = '.' }: { source?: Variables; folder?: string } = {},
): Following {
  const files = [first.environment.configFile, `${folder}/.env`];
  let known = first.config;
  let last = Promise.resolve();

  async function read(): Promise<void> {
    let config: Config;
    let fixed: string[];
    try {
      const { variables } = readEnvironment(source, folder);
      // The file is the one of the start, whatever PROMOFLOW_CONFIG says by now.
      config = loadConfig({ configFile: first.environment.configFile, variables });
      fixed = changedNames(first.environment.variables, variables);
    } catch (error) {
      return follower.refused(error instanceof Error ? error : new Error(String(error)));
    }
    if (isDeepStrictEqual(config, known) && fixed.length === 0) return follower.unchanged();
    known = config;
    return follower.changed(config, fixed);
  }

  function reload(): Promise<void> {
    last = last.then(read);
    return last;
  }

  // An editor may write a file in pieces: it is read once its stamp has stayed for one look.
  let stamp = stampOf(files);
  let isWritten = false;
  const timer = setInterval(() => {
    const now = stampOf(files);
    if (now !== stamp) isWritten = true;
    else if (isWritten) {
      isWritten = false;
      void reload();
    }
    stamp = now;
  }, lookEveryMs).unref();
  // What has changed since the first reading, while other parts were started, counts too.
  void reload();
  return {
    reload,
    async stop() {
      clearInterval(timer);
      await last;
    },
  };
}

function stampOf(files: readonly string[]): string {
  const stamps = files.map((file) => {
    try {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat && [stat.ino, stat.size, stat.mtimeMs];
    } catch {
      // A folder that may not be looked into any more: the reading says so.
      return 'unreadable';
    }
  });
  return JSON.stringify(stamps);
}

function changedNames(before: Variables, now: Variables): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => fixedNames.test(name) && before[name] !== now[name]).sort();
}
