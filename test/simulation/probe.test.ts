import { test } from 'vitest';
import { liveCampaign } from './life.ts';
import { createHost } from './vm.ts';

test('probe', async () => {
  const host = await createHost();
  for (const seed of [200, 2, 3, 4]) {
    const t = performance.now();
    const { harness, isOver, campaign, timeline } = await liveCampaign(host, seed);
    await harness.run(isOver);
    console.log(
      seed,
      harness.activations(),
      performance.now() - t,
      harness.runningIds(),
      campaign.summary,
    );
    if (seed === 200)
      console.log(
        JSON.stringify(
          campaign.effects.map((e) => [
            e.kind,
            e.batch,
            e.open,
            e.reason,
            e.begunAt - 1893456000000,
            e.members.length,
          ]),
        ),
        campaign.audience,
        timeline.now() - 1893456000000,
      );
  }
});
