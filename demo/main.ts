import { parseArgs } from 'node:util';
import { startSandbox } from '../sandbox/sandbox.ts';
import { type CancelMoment, cancelMoments, runCanceled } from './canceled.ts';
import { claimedSection, runClaimed } from './claimed.ts';
import { type ExecutedFlow, executedSection, runExecuted } from './executed.ts';
import { type Product, startProduct, tenant } from './product.ts';
import { runScheduled } from './scheduled.ts';
import { runTriggered } from './triggered.ts';

const usage = `npm run demo -- [--flow F | --triggered | --cancel WHEN] [--customers N] [--json] [--exit]

  --flow F        managed: whoever is approved holds the reward (the default);
                  claimed: whoever is approved may claim it, and the sandbox's shop does;
                  publisher: the publisher decides and reports, and after the sending its awards are given;
                  automatic: Promotions has decided before the sending, and its awards are given after it;
                  executions: whoever was sent the campaign is given what it promised
  --triggered     customers meet a trigger, and the gate is asked of each
  --cancel WHEN   Optimove deletes a managed campaign before, during or after its run
  --customers N   how many customers the campaign targets (100000), or meet the trigger (4000)
  --json          one JSON object as the last line of the output
  --exit          stop when the campaign is over, instead of staying up until Ctrl-C`;

/** What the demo can show: what its tenant file says more, how many customers, and the story itself. */
interface Show {
  section(urls: { publisher: string }): Record<string, unknown>;
  customers: number;
  run(
    wishes: { customers: number; json: boolean },
    product: Product,
  ): Promise<{ violations: string[] }>;
}

const customers = 100_000;

const flows: Record<string, Show> = {
  managed: { section: () => ({}), customers, run: runScheduled },
  claimed: { section: () => claimedSection, customers, run: runClaimed },
  publisher: executedShow('publisher'),
  automatic: executedShow('automatic'),
  executions: executedShow('executions'),
};

const triggered: Show = {
  section: () => ({ triggered: { gate: true } }),
  ...{ customers: 4_000, run: runTriggered },
};

function executedShow(flow: ExecutedFlow): Show {
  return {
    section: (urls) => executedSection(flow, urls),
    customers,
    run: (wishes, product) => runExecuted(flow, wishes, product),
  };
}

function canceledShow(moment: CancelMoment): Show {
  return {
    section: () => ({}),
    customers,
    run: (wishes, product) => runCanceled(moment, wishes, product),
  };
}

interface Wishes {
  show: Show;
  customers: number;
  json: boolean;
  exit: boolean;
}

function readWishes(): Wishes {
  const { values } = parseArgs({
    options: {
      flow: { type: 'string' },
      triggered: { type: 'boolean', default: false },
      cancel: { type: 'string' },
      customers: { type: 'string' },
      json: { type: 'boolean', default: false },
      exit: { type: 'boolean', default: false },
    },
  });
  const show = showOf(values);
  const customers = Number(values.customers ?? show.customers);
  if (!Number.isInteger(customers) || customers < 1) {
    throw new Error(
      `--customers takes a whole number from 1 on, not ${values.customers}\n\n${usage}`,
    );
  }
  return { show, customers, json: values.json, exit: values.exit };
}

function showOf(asked: { flow?: string; triggered: boolean; cancel?: string }): Show {
  const { flow, cancel } = asked;
  const wished = [flow !== undefined, asked.triggered, cancel !== undefined].filter(Boolean);
  if (wished.length > 1) {
    throw new Error(`--flow, --triggered and --cancel exclude each other\n\n${usage}`);
  }
  if (asked.triggered) return triggered;
  if (cancel !== undefined) {
    const moment = cancelMoments.find((one) => one === cancel);
    if (moment) return canceledShow(moment);
    throw new Error(`--cancel takes ${cancelMoments.join(', ')}, not ${cancel}\n\n${usage}`);
  }
  const show = flows[flow ?? 'managed'];
  if (show) return show;
  throw new Error(`--flow takes ${Object.keys(flows).join(', ')}, not ${flow}\n\n${usage}`);
}

async function main(): Promise<number> {
  const wishes = readWishes();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const sandbox = await startSandbox({ tenants: { [tenant]: { timeZone: 'Europe/Malta' } } });
  const product = await startProduct(sandbox, say, wishes.show.section(sandbox.urls(tenant)));
  const interrupted = Promise.withResolvers<'interrupted'>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.resolve('interrupted'));
  }
  try {
    const result = await Promise.race([
      wishes.show.run(wishes, product),
      interrupted.promise,
      product.died,
    ]);
    if (result === 'interrupted') return 130;
    const stays = !wishes.exit && process.stdout.isTTY;
    if (stays) {
      say(`It stays up until Ctrl-C: Web UI ${product.webUi}, operator API ${product.url}/docs`);
      await Promise.race([interrupted.promise, product.died]);
    }
    if (wishes.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    return result.violations.length === 0 ? 0 : 1;
  } finally {
    await product.stop();
    await sandbox.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
