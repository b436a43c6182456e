import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addFireCommand } from '../../sandbox/triggered/command.ts';
import { FLAT, type Json, play } from './caller.ts';
import { allow, openTenantDoor } from './tenant-door.ts';

describe('the command fire', () => {
  it('makes a campaign, shows how the checks go, and ends with the verdict', async () => {
    const { sandbox } = await play({ catalog: FLAT });
    const gate = await openTenantDoor((question: Json) => allow(question, false));
    const lines: string[] = [];
    const program = new Command('sandbox');
    addFireCommand(program, (line) => lines.push(line));
    const fire = ['fire', 'checks', '--control', sandbox.url, '--to', gate.url];
    const rate = ['--per-second', '50', '--for-seconds', '0.2', '--more', '{"idsAs": "number"}'];
    await program.parseAsync([...fire, ...rate], { from: 'user' });
    const { body } = gate.heard[0] ?? {};
    const id = String(body.campaign.id);
    expect(body.campaign.id).toBeTypeOf('number');
    expect(lines[0]).toBe(`campaign ${id}: checks at 50 a second for 0.2 s`);
    expect(lines.some((line) => /^checks \d+ · denied \d+/.test(line))).toBe(true);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ campaignId: id, violationCount: 0 });
  });

  it('refuses in words what cannot be fired', async () => {
    const { sandbox } = await play();
    const program = new Command('sandbox');
    addFireCommand(program, () => {});
    const fire = (...more: string[]) =>
      program.parseAsync(['fire', ...more, '--control', sandbox.url], { from: 'user' });
    await expect(fire('arrows')).rejects.toThrow('checks, events or claims, not arrows');
    await expect(fire('checks')).rejects.toThrow('no gate was told');
  });
});
