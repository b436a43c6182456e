import { parseArgs } from 'node:util';
import { startSandbox } from '../sandbox/sandbox.ts';
import { judge, type Result } from './judgement.ts';
import { type Product, startProduct, tenant } from './product.ts';
import { createScreen } from './screen.ts';

/** The deadline of the demo's campaign: as long as Optimove gives by default (guide 003). */
const deadlineInSeconds = 30 * 60;

const usage = `npm run demo -- [--customers N] [--json] [--exit]

  --customers N   how many customers the campaign targets (100000)
  --json          one JSON object as the last line of the output
  --exit          stop when the campaign is over, instead of staying up until Ctrl-C`;

interface Wishes {
  customers: number;
  json: boolean;
  exit: boolean;
}

function readWishes(): Wishes {
  const { values } = parseArgs({
    options: {
      customers: { type: 'string', default: '100000' },
      json: { type: 'boolean', default: false },
      exit: { type: 'boolean', default: false },
    },
  });
  const customers = Number(values.customers);
  if (!Number.isInteger(customers) || customers < 1) {
    throw new Error(
      `--customers takes a whole number from 1 on, not ${values.customers}\n\n${usage}`,
    );
  }
  return { customers, json: values.json, exit: values.exit };
}

/** Runs one campaign through the real doors, and lets both sides' books judge it. */
async function runCampaign(wishes: Wishes, product: Product): Promise<Result> {
  const { sandbox } = product;
  const screen = createScreen(wishes.json);
  const campaignId = sandbox.createCampaign(tenant, {
    customers: wishes.customers,
    deadlineInSeconds,
    hookUrl: product.hookUrl,
  });
  screen.announce(campaignId, wishes.customers, product);
  await sandbox.announce(tenant, campaignId);
  await screen.follow(() => product.read(campaignId));
  const result = await judge(product, campaignId);
  screen.show(result);
  return result;
}

async function main(): Promise<number> {
  const wishes = readWishes();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const sandbox = await startSandbox({ tenants: { [tenant]: { timeZone: 'Europe/Malta' } } });
  const product = await startProduct(sandbox, say);
  const interrupted = Promise.withResolvers<'interrupted'>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.resolve('interrupted'));
  }
  try {
    const result = await Promise.race([
      runCampaign(wishes, product),
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
