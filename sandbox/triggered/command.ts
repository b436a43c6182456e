import type { Command } from 'commander';

const LOOK_MS = 1000;

interface Flags {
  control: string;
  tenant: string;
  campaign?: string;
  to: string[];
  perSecond: number;
  forSeconds: number;
  key?: string;
  more: Record<string, unknown>;
}

/** Adds `fire`: checks, events or claims against a promoflow that runs with a running sandbox. */
export function addFireCommand(program: Command, print: (line: string) => void): void {
  program
    .command('fire')
    .description('Tells a running sandbox to fire, shows how it goes, and ends with the verdict.')
    .argument('<what>', 'checks (the gate is asked), events (event 11) or claims (the shop)')
    .option('--control <url>', 'where the sandbox is', 'http://127.0.0.1:8090')
    .option('--tenant <name>', 'the tenant to play', 'acme')
    .option('--campaign <id>', 'a campaign that is there; absent: a new triggered one')
    .option('--to <url...>', 'the gates, the webhook door, or the claims door', [])
    .option('--per-second <number>', 'arrivals per second', Number, 100)
    .option('--for-seconds <number>', 'how long', Number, 10)
    .option('--key <key>', 'the bearer key of the claims door')
    .option('--more <json>', 'further options of the control API', parseObject, {})
    .action(async (what: string, flags: Flags) => {
      const violations = await fire(what, flags, print);
      if (violations > 0) process.exitCode = 1;
    });
}

async function fire(what: string, flags: Flags, print: (line: string) => void): Promise<number> {
  const address = addressOf(what, flags);
  const base = `${flags.control}/control/${flags.tenant}`;
  const id = flags.campaign ?? String((await ask(`${base}/triggered`, 'POST', {}))['campaignId']);
  const campaign = `${base}/campaigns/${id}`;
  const { perSecond, forSeconds, more, key } = flags;
  await ask(`${campaign}/${what}`, 'POST', {
    perSecond,
    forSeconds,
    ...address,
    ...(key !== undefined && { apiKey: key }),
    ...more,
  });
  print(`campaign ${id}: ${what} at ${perSecond} a second for ${forSeconds} s`);
  const untilMs = Date.now() + forSeconds * 1000;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const measures = await ask(`${campaign}/${what}`, 'GET');
    print(inOneLine(measures));
    if (Date.now() > untilMs && measures['open'] === 0) break;
  }
  const verdict = await ask(`${campaign}/verdict`, 'GET');
  print(JSON.stringify(verdict, undefined, 2));
  return Number(verdict['violationCount']);
}

/** The option that names the door; refuses in words what cannot be fired. */
function addressOf(what: string, { to }: Flags): Record<string, unknown> {
  if (what !== 'checks' && what !== 'events' && what !== 'claims') {
    throw new Error(`fire what: checks, events or claims, not ${what}`);
  }
  const [first] = to;
  if (first === undefined) return {};
  if (what === 'checks') return { gateUrls: to };
  return what === 'events' ? { hookUrl: first } : { claimsUrl: first };
}

/** Counts that are not zero, side by side. */
function inOneLine(measures: Record<string, unknown>): string {
  return Object.entries(measures)
    .filter(([, value]) => typeof value === 'number' && value !== 0)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ');
}

async function ask(
  url: string,
  method: 'GET' | 'POST',
  body?: unknown,
): Promise<Record<string, unknown>> {
  const answer = await fetch(url, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const told: unknown = await answer.json();
  if (!isObject(told)) throw new Error(`${url} answered ${answer.status} without an object`);
  if (!answer.ok) throw new Error(String(told['error']));
  return told;
}

function parseObject(text: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(text);
  if (!isObject(parsed)) throw new Error('--more must be a JSON object');
  return parsed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
