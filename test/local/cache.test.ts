import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findCached, install } from '../../local/cache.ts';
import { temporaryFolder } from './folder.ts';

const parcel = { name: 'tool-1.0', file: 'tool', say: () => {} };

it('makes a parcel once for two who ask at once, and tells the second why it waits', async () => {
  const cache = temporaryFolder();
  const said: string[] = [];
  let made = 0;
  const ask = () =>
    install({
      ...parcel,
      cache,
      say: (line) => said.push(line),
      async make(folder) {
        made++;
        writeFileSync(join(folder, 'tool'), 'made');
      },
    });
  const [first, second] = await Promise.all([ask(), ask()]);
  expect(second).toBe(first);
  expect(readFileSync(first, 'utf8')).toBe('made');
  expect(made).toBe(1);
  expect(said).toEqual([`process ${process.pid} is making tool-1.0: waiting`]);
});

it('shows nothing of a parcel whose making failed, and makes it the next time', async () => {
  const cache = temporaryFolder();
  const failing = install({
    ...parcel,
    cache,
    async make(folder) {
      writeFileSync(join(folder, 'tool'), 'half');
      throw new Error('no network');
    },
  });
  await expect(failing).rejects.toThrow('no network');
  expect(findCached({ ...parcel, cache })).toBeUndefined();
  expect(readdirSync(cache)).toEqual([]);

  const path = await install({
    ...parcel,
    cache,
    make: async (folder) => writeFileSync(join(folder, 'tool'), 'whole'),
  });
  expect(readFileSync(path, 'utf8')).toBe('whole');
});

it('takes over the lock of a maker that died', async () => {
  const cache = temporaryFolder();
  const { pid } = spawnSync('true');
  writeFileSync(join(cache, 'tool-1.0.lock'), JSON.stringify({ pid, startedAt: '1' }));
  const path = await install({
    ...parcel,
    cache,
    make: async (folder) => writeFileSync(join(folder, 'tool'), ''),
  });
  expect(path).toBe(join(cache, 'tool-1.0', 'tool'));
  expect(readdirSync(cache)).toEqual(['tool-1.0']);
});
