import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCached, install, type Say } from './cache.ts';
import { downloadServer } from './sdk-download.ts';
import { runTool, toolFolder, versionOf } from './tool.ts';

/** As tools/test-server/pom.xml has it. */
const VERSION = '1.38.0';

const FETCH_BOUND_MS = 10 * 60_000;

/** Starts in a second less than with the optimizing compiler, which a test never repays. */
const WRAPPER = `#!/bin/sh
here=$(dirname "$0")
exec java -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$here/jars/*" io.temporal.testserver.TestServer "$@"
`;

/**
 * The executable of Temporal's time-skipping test server: in the cache, fetched by Maven, or
 * downloaded. Throws one sentence that tells what to install when none of these is possible.
 */
export async function findTestServer(say: Say): Promise<string> {
  const parcel = { name: `temporal-test-server-${VERSION}`, file: 'temporal-test-server', say };
  return findCached(parcel) ?? (await install({ ...parcel, make: (folder) => make(folder, say) }));
}

async function make(folder: string, say: Say): Promise<void> {
  const file = join(folder, 'temporal-test-server');
  if (versionOf('java', '-version') !== undefined && versionOf('mvn', '-v') !== undefined) {
    say('fetching the time-skipping test server with Maven, once on this machine');
    await fetchJars(join(folder, 'jars'), say);
    writeFileSync(file, WRAPPER);
    chmodSync(file, 0o755);
    return;
  }
  try {
    say('downloading the time-skipping test server');
    await downloadServer({ server: 'test-server', version: 'default', file, say });
  } catch (cause) {
    throw new Error(
      'the time-skipping test server cannot be downloaded from here: install Java and Maven to have it fetched',
      { cause },
    );
  }
}

function fetchJars(folder: string, say: Say): Promise<void> {
  const goal = 'dependency:copy-dependencies';
  return runTool({
    program: 'mvn',
    args: ['-q', '-B', goal, `-DoutputDirectory=${folder}`],
    cwd: toolFolder('test-server'),
    doing: 'fetching the time-skipping test server',
    boundMs: FETCH_BOUND_MS,
    say,
  });
}
