import { join } from 'node:path';
import { findCached, install, type Say } from './cache.ts';
import { downloadServer } from './sdk-download.ts';
import { runTool, toolFolder, versionOf } from './tool.ts';

/** As tools/temporal/go.mod has it. */
const VERSION = '1.8.2';

/** Autoscaling pollers need 1.28 of the server, fairness 1.29. */
const OLDEST_SERVER_MINOR = 29;

const BUILD_BOUND_MS = 30 * 60_000;

/**
 * The `temporal` program: on PATH, in the cache, downloaded, or built from source. Throws one
 * sentence that tells what to install when none of these is possible.
 */
export async function findTemporal(say: Say): Promise<string> {
  const installed = versionOf('temporal', '--version');
  if (installed !== undefined) {
    const minor = /Server 1\.(\d+)/.exec(installed)?.[1];
    if (Number(minor) >= OLDEST_SERVER_MINOR) return 'temporal';
    say(`the temporal on PATH is older than we need (${installed}): looking for another`);
  }
  const parcel = { name: `temporal-${VERSION}`, file: 'temporal', say };
  return findCached(parcel) ?? (await install({ ...parcel, make: (folder) => make(folder, say) }));
}

async function make(folder: string, say: Say): Promise<void> {
  const file = join(folder, 'temporal');
  try {
    say('downloading the Temporal dev server');
    return await downloadServer({ server: 'temporal', version: `v${VERSION}`, file, say });
  } catch {
    say('the Temporal dev server cannot be downloaded from here');
  }
  if (versionOf('go', 'version') === undefined) {
    throw new Error(
      'the Temporal dev server is missing: install the temporal command (https://docs.temporal.io/cli), or Go to have it built, or set TEMPORAL_ADDRESS',
    );
  }
  say('building it with Go instead: about five minutes, once on this machine');
  await runTool({
    program: 'go',
    // A checkout that belongs to somebody else stops Go's look at git.
    args: ['build', '-buildvcs=false', '-o', file, 'github.com/temporalio/cli/cmd/temporal'],
    cwd: toolFolder('temporal'),
    doing: 'building the Temporal dev server',
    boundMs: BUILD_BOUND_MS,
    say,
  });
}
