import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { follow } from '../../src/served.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged } from '../../src/workflows/messages.ts';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

const secret = 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=';

let house: House;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  receiver = await startReceiver();
  house = await openHouse(
    {
      crowded: { section: { limits: { maxAudience: 100 } } },
      generous: { section: { limits: { maxRewardTotal: { 'free-spins': 500 } } } },
      // Its key is wrong in our own file.
      mistyped: { section: { optimove: { apiKey: 'a-mistyped-key' } } },
    },
    { alerts: { url: receiver.url, secret } },
  );
});
afterAll(async () => {
  await house.close();
  await receiver.close();
});

describe.concurrent('a guard', () => {
  it('of the audience holds, tells, and lets go on after the release', async () => {
    const id = house.createCampaign('crowded', { customers: 200, deadlineInSeconds: 150 });
    await house.sandbox.announce('crowded', id);
    await until('the hold is told', () => receiver.kindsOf('crowded').includes('hold'));
    expect((await house.read('crowded', id))?.held).toMatch(/audience of \d+ customers is over/);
    expect(Object.keys(house.sandbox.traffic('crowded').calls)).not.toContain('validate');

    await release('crowded', id);
    const campaign = await ended(house, 'crowded', id);
    expect(campaign.summary?.['reason']).toBe('decided');
    const { counts } = await expectSound(house, 'crowded', id);
    expect(counts.approved).toBeGreaterThan(100);
    await until('its end is told', () => receiver.kindsOf('crowded').length === 2);
    expect(receiver.kindsOf('crowded')).toEqual(['hold', 'hold over']);
  });

  it('of the reward total gives nothing over it before the release', async () => {
    const id = house.createCampaign('generous', { customers: 400, deadlineInSeconds: 150 });
    await house.sandbox.announce('generous', id);
    await until('the hold is told', () => receiver.kindsOf('generous').includes('hold'));
    expect((await house.read('generous', id))?.held).toMatch(
      /of free-spins, over the limit of 500/,
    );
    expect(house.sandbox.verdict('generous', id).allocated).toBe(0);

    await release('generous', id);
    await ended(house, 'generous', id);
    const { counts } = await expectSound(house, 'generous', id);
    expect(counts.approved).toBeGreaterThan(200);
    expect(receiver.kindsOf('generous').filter((kind) => kind === 'hold')).toHaveLength(1);
  });
});

describe('a key that is wrong in the tenant file', () => {
  it('halts, tells, and is mended in the file without a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'promoflow-whole-'));
    const configFile = join(folder, 'promoflow.yaml');
    const file = JSON.stringify({ ...Object(house.file), alerts: { url: receiver.url, secret } });
    writeFileSync(configFile, file);
    const environment = readEnvironment({ PROMOFLOW_CONFIG: configFile }, folder);
    const stop = follow(house.wired, { environment, config: loadConfig(environment) }, folder);
    try {
      const ids = Array.from({ length: 12 }, () =>
        house.createCampaign('mistyped', { customers: 50, deadlineInSeconds: 240 }),
      );
      await Promise.all(ids.map((id) => house.sandbox.announce('mistyped', id)));
      await until('the halt is told', () => receiver.kindsOf('mistyped').includes('halt'));

      writeFileSync(configFile, file.slice(0, -1));
      await until('mistakes are told', () => receiver.kindsOf(undefined).includes('configuration'));
      writeFileSync(configFile, file.replace('a-mistyped-key', 'sandbox-optimove-key'));
      await until('their end is told', () => receiver.kindsOf(undefined).length === 2);

      for (const id of ids) {
        const campaign = await ended(house, 'mistyped', id, 120_000);
        expect(campaign.summary?.['reason']).toBe('decided');
        await expectSound(house, 'mistyped', id);
      }
      expect(receiver.kindsOf('mistyped')).toEqual(['halt', 'halt over']);
      expect(house.sandbox.traffic('mistyped').unauthorized).toBeLessThanOrEqual(30);
    } finally {
      await stop();
      rmSync(folder, { recursive: true });
    }
  }, 240_000);
});

async function release(tenant: string, campaignId: string): Promise<void> {
  await house.pool.query(
    `update campaign c set held = null from tenant t
     where t.ref = c.tenant and t.name = $1 and c.id = $2`,
    [tenant, campaignId],
  );
  const run = house.client.workflow.getHandle(workflowId.campaign({ tenant, campaignId }));
  await run.signal(campaignChanged);
}

/** Who is told of alerts. */
async function startReceiver() {
  const heard: { kind: string; tenant?: string; overAt?: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      heard.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/alerts`,
    /** What was told of a tenant, in its order. */
    kindsOf: (tenant: string | undefined): string[] =>
      heard
        .filter((alert) => alert.tenant === tenant)
        .map(({ kind, overAt }) => (overAt === undefined ? kind : `${kind} over`)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
