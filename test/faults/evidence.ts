import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tenant, type World } from './world.ts';

/** The tables that tell what was done; batches are left to the database, which stays in the folder. */
const tables = ['campaign', 'effect', 'inbox', 'change', 'audit', 'answer'];

/** Leaves in the world's folder what a person needs to find out what went wrong. */
export async function leaveEvidence(
  world: World,
  found: {
    plan: unknown;
    story: string[];
    wrong: string[];
    campaigns: readonly { campaignId: string }[];
  },
): Promise<void> {
  const { folder, pool, sandbox } = world;
  const write = (name: string, content: unknown) =>
    writeFileSync(join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
  write('found.json', { wrong: found.wrong, story: found.story, plan: found.plan });
  write('books.json', {
    verdicts: found.campaigns.map(({ campaignId }) => sandbox.verdict(tenant, campaignId)),
    hooks: sandbox.hooks(tenant),
    timeline: sandbox.traffic(tenant).timeline,
  });
  for (const table of tables) {
    try {
      const { rows } = await pool.query<{ row: unknown }>(
        `select to_jsonb(t) as row from ${table} t`,
      );
      write(
        `ledger-${table}.json`,
        rows.map(({ row }) => row),
      );
    } catch (error) {
      write(`ledger-${table}.json`, { unreadable: String(error) });
    }
  }
}
