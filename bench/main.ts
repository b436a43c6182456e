import { parseArgs } from 'node:util';
import { benchCampaign, campaignParts } from './campaign.ts';
import { benchFlows, flowsParts } from './flows.ts';
import { benchGate, gateParts } from './gate.ts';
import { benchLedger } from './ledger.ts';
import { benchLimiter } from './limiter.ts';
import { benchReplay } from './replay.ts';

const usage = `npm run bench -- ledger [--customers N]   the ledger's figures, beside a plain COPY of the same keys
npm run bench -- limiter [--seconds N]    how much of an allowance is used, with one process and with three
npm run bench -- replay                   how soon a worker goes on with the largest history
npm run bench -- campaign [--customers N] [--rounds N] [--large] [--only PART] [--profile FOLDER]
                                          whole campaigns: beside their floors, under Optimove's limit, on disk;
                                          --large: and ten times as many customers
                                          --only ${campaignParts.join(' | ')}
npm run bench -- gate [--seconds N] [--event-seconds N] [--highest N] [--with-campaign N] [--only PART]
                      [--profile FOLDER]
                                          checks at fixed rates, beside a bare handler; claims under Optimove's
                                          limit; stages of 10 s; events 11, for 60 s
                                          --only ${gateParts.join(' | ')}
npm run bench -- flows [--customers N] [--rounds N] [--seconds N] [--only PART] [--profile FOLDER]
                                          every other flow, the end, a deletion half way, campaigns beside
                                          each other and asleep (for 60 s)
                                          --only ${flowsParts.join(' | ')}`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    customers: { type: 'string', default: '1000000' },
    seconds: { type: 'string' },
    'event-seconds': { type: 'string' },
    highest: { type: 'string', default: '3000' },
    'with-campaign': { type: 'string' },
    rounds: { type: 'string', default: '5' },
    large: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});

type Count = 'customers' | 'rounds' | 'seconds' | 'event-seconds' | 'highest' | 'with-campaign';

function count(name: Count, otherwise = 0): number {
  const number = Number(values[name] ?? otherwise);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} takes a whole number from 1 on, not ${values[name]}`);
}

/** The parts of a bench that were asked for. */
function chosen<P extends string>(all: readonly P[], usual: readonly P[] = all): P[] {
  const { only } = values;
  const parts = only ? all.filter((part) => part === only) : [...usual];
  if (parts.length === 0) throw new Error(`--only takes one of ${all.join(', ')}`);
  return parts;
}

const benches: Record<string, () => Promise<boolean>> = {
  ledger: () => benchLedger(count('customers')),
  limiter: () => benchLimiter(count('seconds', 60)),
  replay: benchReplay,
  campaign() {
    const { large, profile } = values;
    const parts = chosen(campaignParts, large ? campaignParts : ['floors', 'limited', 'disk']);
    const [customers, rounds] = [count('customers'), count('rounds')];
    return benchCampaign({ customers, rounds, parts, profile });
  },
  gate() {
    const { profile, 'with-campaign': customers } = values;
    const campaign = customers === undefined ? undefined : count('with-campaign');
    const [seconds, highest] = [count('seconds', 10), count('highest')];
    const eventSeconds = count('event-seconds', 60);
    const parts = chosen(gateParts);
    return benchGate({ seconds, eventSeconds, highest, campaign, parts, profile });
  },
  flows() {
    const [customers, rounds, seconds] = [
      count('customers'),
      count('rounds'),
      count('seconds', 60),
    ];
    const parts = chosen(flowsParts);
    return benchFlows({ customers, rounds, seconds, parts, profile: values.profile });
  },
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const bench = benches[positionals[0] ?? ''];
if (!bench) {
  console.error(usage);
  process.exitCode = 2;
} else {
  process.exitCode = (await bench()) ? 0 : 1;
}
