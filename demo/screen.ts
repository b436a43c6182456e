import { setTimeout as delay } from 'node:timers/promises';
import { Presets, SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import type { Result } from './judgement.ts';
import type { Product, Reading } from './product.ts';

/** A running campaign is looked at this often, or more rarely where counting it takes long. */
const lookEveryMs = 500;

/** What a person sees: where to look, a bar while it runs, the funnel and both verdicts at the end. */
export function createScreen(quiet: boolean) {
  const say = (text: string): void =>
    void (quiet ? process.stderr : process.stdout).write(`${text}\n`);

  return {
    announce(
      campaignId: string,
      { customers, deadline }: { customers: number; deadline: string },
      product: Product,
    ): void {
      say(
        `\nCampaign ${campaignId}: ${customers.toLocaleString('en')} customers, deadline ${deadline}`,
      );
      say(`  Temporal Web UI   ${product.webUi}`);
      say(`  operator API      ${product.url}/docs`);
      say(`  sandbox           ${product.sandbox.url}\n`);
    },

    /** Follows the campaign to its end, redemptions included; whoever is in an open state is not done. */
    async follow(
      read: () => Promise<Reading | undefined>,
      open = ['targeted', 'screened', 'validated'],
    ): Promise<void> {
      const bar = new SingleBar(
        { format: '  {bar} {percentage} % | {value} of {total} | {phase}', stream: process.stderr },
        Presets.shades_classic,
      );
      bar.start(1, 0, { phase: 'announced' });
      for (;;) {
        const asked = Date.now();
        const now = await read();
        if (now) {
          const { total, done, phase } = measure(now, open);
          bar.setTotal(Math.max(1, total));
          bar.update(done, { phase });
          if (now.phase === 'closed' && (now.counts.redemptions['queued'] ?? 0) === 0) break;
        }
        await delay(Math.max(lookEveryMs, (Date.now() - asked) * 10));
      }
      bar.stop();
    },

    show(result: Result): void {
      const funnel = new Table({
        head: ['', 'promoflow', 'sandbox'],
        style: { head: [], border: [] },
      });
      const { sandbox } = result;
      const number = (n: number): string => n.toLocaleString('en');
      funnel.push(
        ['audience (customers)', number(result.audience), number(sandbox.audience)],
        ['screened out', number(result.screenedOut), ''],
        ['refused by Promotions', number(result.refused), ''],
        ['declined by the platform', number(result.declined), ''],
        ['lapsed', number(result.lapsed), ''],
        ['allocated', number(result.allocated), number(sandbox.allocated)],
        ['revoked', number(result.revoked), number(sandbox.revoked)],
        ['approved (customers)', number(result.approved), number(sandbox.approved)],
        ['denied (customers)', number(result.denied), number(sandbox.denied)],
        ['redeemed', number(result.redeemed), number(sandbox.redeemed)],
      );
      say(funnel.toString());
      say(
        `${result.seconds.toFixed(1)} s from the webhook to the last report, ` +
          `${number(result.customersPerSecond)} customers/s, ${result.http429} answers 429`,
      );
      say(
        result.violations.length === 0
          ? 'Every invariant holds, and both sides count the same.'
          : `VIOLATIONS\n${result.violations.map((one) => `  ${one}`).join('\n')}`,
      );
    },
  };
}

function measure(
  { phase, counts, held }: Reading,
  openStates: readonly string[],
): { total: number; done: number; phase: string } {
  const all = Object.values(counts.states).reduce((sum, count) => sum + count, 0);
  const open = openStates.reduce((sum, state) => sum + (counts.states[state] ?? 0), 0);
  const queued = counts.redemptions['queued'] ?? 0;
  const doing = phase === 'closed' ? `redeeming, ${queued} to go` : phase;
  return { total: all, done: all - open, phase: held ? `held: ${held}` : doing };
}
