import { parseArgs } from 'node:util';
import { benchCampaign, campaignParts } from './campaign.ts';
import { benchLedger } from './ledger.ts';
import { benchLimiter } from './limiter.ts';
import { benchReplay } from './replay.ts';

const usage = `npm run bench -- ledger [--customers N]   the ledger's figures, beside a plain COPY of the same keys
npm run bench -- limiter [--seconds N]    how much of an allowance is used, with one process and with three
npm run bench -- replay                   how soon a worker goes on with the largest history
npm run bench -- campaign [--customers N] [--rounds N] [--large] [--only PART] [--profile FOLDER]
                                          whole campaigns: beside their floors, under Optimove's limit, on disk;
                                          --large: and ten times as many customers
                                          --only ${campaignParts.join(' | ')}`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    customers: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '5' },
    large: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});

function count(name: 'customers' | 'rounds' | 'seconds'): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} takes a whole number from 1 on, not ${values[name]}`);
}

const benches: Record<string, () => Promise<boolean>> = {
  ledger: () => benchLedger(count('customers')),
  limiter: () => benchLimiter(count('seconds')),
  replay: benchReplay,
  campaign() {
    const { large, only, profile } = values;
    const parts = campaignParts.filter((part) =>
      only ? part === only : part !== 'large' || large,
    );
    if (parts.length === 0) throw new Error(`--only takes one of ${campaignParts.join(', ')}`);
    return benchCampaign({
      customers: count('customers'),
      rounds: count('rounds'),
      parts,
      profile,
    });
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
