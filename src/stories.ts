import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { cacheFolder, install } from '../local/cache.ts';
import { runTool } from '../local/tool.ts';

/** Stories import the domain and the SDK alone; the SDK's version stands in package.json. */
const sources = ['./workflows/', './domain/'].map(pathOf);
const files = [pathOf('../package.json'), fileURLToPath(import.meta.url)];
const entry = pathOf('./workflows/index.ts');

/**
 * The stories as one script, which the worker loads. It is made once for each state of their files, and
 * kept in this user's cache; in a process of its own, because making it takes 300 MiB that a worker
 * would not give back. A worker that is started again begins a second sooner. Returns the script's path.
 */
export function bundledStories(): Promise<string> {
  const file = 'stories.js';
  const say = () => {};
  return install({
    ...{ name: `stories-${digest()}`, file, say, cache: writableFolder() },
    make: (folder) =>
      runTool({
        program: process.execPath,
        args: [fileURLToPath(import.meta.url), join(folder, file)],
        cwd: folder,
        doing: 'bundling the stories',
        boundMs: 300_000,
        say,
      }),
  });
}

/** A container may have no place of its own to keep anything: then they are made at each start. */
function writableFolder(): string {
  const folder = cacheFolder();
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return mkdtempSync(join(tmpdir(), 'promoflow-'));
  }
}

function digest(): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  for (const folder of sources) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      if (file.endsWith('.ts')) hash.update(file).update(readFileSync(join(folder, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function pathOf(place: string): string {
  return fileURLToPath(new URL(place, import.meta.url));
}

if (import.meta.main) {
  const [file = ''] = process.argv.slice(2);
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    // Read once for all runs instead of once for each: no module of the stories keeps anything of a run.
    preloadModules: ['@temporalio/workflow', entry],
    logger: new DefaultLogger('ERROR'),
  });
  writeFileSync(file, code);
}
