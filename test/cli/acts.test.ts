import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLedgerCampaign } from '../gateway/acting.ts';
import { chiefKey, type Doors, dutyKey, openDoors, operatorKey } from '../gateway/doors.ts';
import { promoflow, type Run } from './command.ts';

let doors: Doors;
let folder: string;
beforeAll(async () => {
  doors = await openDoors();
  folder = mkdtempSync(join(tmpdir(), 'promoflow-suppress-'));
});
afterAll(async () => {
  await doors.close();
  rmSync(folder, { recursive: true });
});

const runAs = (key: string, ...args: string[]): Promise<Run> =>
  promoflow(args, { PROMOFLOW_URL: doors.url, PROMOFLOW_KEY: key });
const run = (...args: string[]): Promise<Run> => runAs(dutyKey, ...args);
const because = ['--reason', 'a person looked'];

describe('an act', () => {
  it.each([
    [['campaign', 'hold', '1'], /--reason/],
    [['campaign', 'hold', ...because], /missing required argument/],
    [['tenant', 'release'], /--reason/],
    [['suppress', 'add', 'c1'], /--reason/],
    [['suppress', 'import', '/nonexistent', ...because], /cannot be read/],
  ])('%j is refused before it is sent', async (args, sentence) => {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toMatch(sentence);
  });

  it('holds, releases, cancels, and says what it came to', async () => {
    await openLedgerCampaign(doors.pool, 'k1');
    const held = await run('campaign', 'hold', 'k1', ...because);
    expect(held).toMatchObject({ code: 0, out: expect.stringContaining('is held') });
    const shown = await run('campaign', 'show', 'k1');
    expect(shown.out).toMatch(/note +held: a person looked\nheld by +duty/);
    const released = await run('campaign', 'release', 'k1', ...because, '--json');
    expect(JSON.parse(released.out)).toMatchObject({ act: 'release' });
    const again = await run('campaign', 'release', 'k1', ...because);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('k1 is not held') });
    expect(await run('campaign', 'cancel', 'k1', ...because)).toMatchObject({ code: 0 });
    const audited = await run('audit', 'list', '--campaign', 'k1');
    expect(audited.out).toMatch(/duty .* campaign cancel .* k1 .* a person looked/);
    expect(audited.out).not.toContain('not held');
  });

  it('tells a key what its role lacks', async () => {
    await openLedgerCampaign(doors.pool, 'k2', { deadlineInMs: 500 });
    const read = await runAs(operatorKey, 'campaign', 'hold', 'k2', ...because);
    expect(read).toMatchObject({ code: 1, err: expect.stringContaining('may only read') });
    const forced = ['campaign', 'cancel', 'k2', '--force', ...because];
    expect((await run(...forced)).err).toContain('role approve');
    expect((await runAs(chiefKey, ...forced)).out).toContain('is canceled');
  });

  it('holds and releases a tenant, as its status says', async () => {
    await openLedgerCampaign(doors.pool, 'k3');
    expect(await run('tenant', 'hold', ...because)).toMatchObject({ code: 0 });
    const status = await run('status');
    expect(status.out).toMatch(/held +a person looked/);
    expect(status.out).toMatch(/k3 +│ 5\d min/);
    expect(await run('tenant', 'release', ...because)).toMatchObject({ code: 0 });
  });
});

describe('promoflow suppress', () => {
  it('adds, lists, imports and removes', async () => {
    expect(await run('suppress', 'add', 'x-1', ...because)).toMatchObject({ code: 0 });
    const file = join(folder, 'list.txt');
    writeFileSync(file, 'x-2\r\n\nx-3\nx-2\n');
    const imported = await run('suppress', 'import', file, ...because);
    expect(imported).toMatchObject({ code: 0, out: '2 customers are suppressed.\n' });
    const listed = await run('suppress', 'list', '--json');
    expect(JSON.parse(listed.out).map((one: { customerId: string }) => one.customerId)).toEqual([
      'x-1',
      'x-2',
      'x-3',
    ]);
    expect(await run('suppress', 'remove', 'x-2', ...because)).toMatchObject({ code: 0 });
    const page = await run('suppress', 'list', '--limit', '1');
    expect(page.out).toMatch(/x-1 .* a person looked/);
    expect(page.out).toContain('--after x-1');
    const unknown = await run('suppress', 'remove', 'x-2', ...because);
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('suppression list') });
  });

  it('sends nothing of a file in which a line is no id', async () => {
    const file = join(folder, 'bad.txt');
    writeFileSync(file, `y-1\n${'z'.repeat(300)}\n`);
    const { code, err } = await run('suppress', 'import', file, ...because);
    expect({ code, err }).toEqual({ code: 2, err: `${file}: line 2 is no customer's id.\n` });
    expect((await run('suppress', 'list', '--json')).out).not.toContain('y-1');
  });
});
