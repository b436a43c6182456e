import { availableParallelism } from 'node:os';
import { type Figure, show } from './figure.ts';
import { benchClaims } from './gate-claims.ts';
import { benchEvents } from './gate-events.ts';
import { decidedOf, fireAt, inTimeOf, type Measured, tellStage } from './gate-fire.ts';
import { type GatePlace, runCampaign, withGate } from './gate-place.ts';

export const gateParts = ['rates', 'limited', 'claims', 'events'] as const;
export type GatePart = (typeof gateParts)[number];

export interface GateOptions {
  /** The length of each stage with checks or claims. */
  seconds: number;
  /** That of the stage with events 11. */
  eventSeconds: number;
  parts: readonly GatePart[];
  /** The most checks a second that are tried. */
  highest: number;
  /** A scheduled campaign of so many customers runs meanwhile; undefined: none does. */
  campaign: number | undefined;
  /** Where the gateway's processor profile goes; measured times are slower with it. */
  profile: string | undefined;
}

/** A handler keeps up with a rate as long as this part of its answers is in time. */
const mostInTime = 0.99;

/** Checks a second for which the bounds are told. */
const usual = 1_000;

/**
 * Answers of the gate beside those of a bare handler, open-loop, in the same run; then claims, and events 11.
 */
export async function benchGate(options: GateOptions): Promise<boolean> {
  const { seconds, eventSeconds, parts, profile, campaign } = options;
  console.log(
    `${availableParallelism()} cores, Node ${process.version}; ${seconds} s a stage, ` +
      `${eventSeconds} s of events 11\n`,
  );
  const figuresOf: Record<GatePart, () => Promise<Figure[]>> = {
    rates: () =>
      withGate({ isLimited: false, profile, hasBulk: campaign !== undefined }, (place) =>
        withoutLimit(place, options),
      ),
    limited: () =>
      withGate({ isLimited: true, profile: undefined }, (place) => withLimit(place, options)),
    claims: () => benchClaims(seconds, profile),
    events: () => benchEvents(eventSeconds, profile),
  };
  const figures: Figure[] = [];
  for (const part of parts) figures.push(...(await figuresOf[part]()));
  console.log('');
  return show(figures);
}

async function withoutLimit(place: GatePlace, options: GateOptions): Promise<Figure[]> {
  const { seconds, highest, campaign } = options;
  await warmUp(place);
  const figures: Figure[] = [];
  const both = async (perSecond: number): Promise<{ gate: Measured; bare: Measured }> => {
    const shots = { perSecond, seconds };
    const bare = await fireAt(place, 'bare', shots);
    tellStage(`${perSecond}/s, bare handler`, bare);
    const gate = await fireAt(place, 'gate', shots);
    tellStage(`${perSecond}/s, gate`, gate);
    return { gate, bare };
  };
  for (const perSecond of [200, usual].filter((rate) => rate <= highest)) {
    const { gate, bare } = await both(perSecond);
    figures.push(...(perSecond === usual ? besideBare(gate, bare) : []), notLate(gate));
  }
  if (highest > usual) {
    const most = await halfOfBare(place, options);
    const gate = await fireAt(place, 'gate', { perSecond: most, seconds });
    tellStage(`${most}/s, gate`, gate);
    const what = `not decided, at ${most}/s`;
    const measured = 100 * (1 - decidedOf(gate));
    figures.push(notLate(gate), { what, measured, atMost: 5, unit: '%' });
  }
  if (campaign !== undefined) figures.push(...(await besideCampaign(place, seconds, campaign)));
  return figures;
}

/** Code that runs for the first time, and connections that are opened, are not what is measured. */
async function warmUp(place: GatePlace): Promise<void> {
  const shots = { perSecond: 200, seconds: 2 };
  await fireAt(place, 'bare', shots);
  await fireAt(place, 'gate', shots);
}

function besideBare(gate: Measured, bare: Measured): Figure[] {
  const { p50Ms, p99Ms } = gate.measures;
  return [
    {
      what: `p50 at ${usual}/s beyond the bare handler's`,
      measured: p50Ms - bare.measures.p50Ms,
      atMost: 25,
      unit: 'ms',
    },
    {
      what: `p99 at ${usual}/s beyond the bare handler's`,
      measured: p99Ms - bare.measures.p99Ms,
      atMost: 80,
      unit: 'ms',
    },
  ];
}

function notLate(gate: Measured): Figure {
  const what = `not answered inside 2000 ms, at ${gate.perSecond}/s`;
  return { what, measured: 100 * (1 - inTimeOf(gate)), atMost: 0, unit: '%' };
}

/**
 * The highest rate that is tried, or half of what the bare handler can do where that is less. Beyond what
 * it can do it answers hardly anything in time, so its rate is raised step by step.
 */
async function halfOfBare(place: GatePlace, { seconds, highest }: GateOptions): Promise<number> {
  let can = usual;
  for (const perSecond of [2_000, 3_000, 4_000, 2 * highest]) {
    const bare = await fireAt(place, 'bare', { perSecond, seconds });
    tellStage(`${perSecond}/s, bare handler`, bare);
    if (inTimeOf(bare) < mostInTime) break;
    can = perSecond;
  }
  return Math.min(highest, Math.round(can / 2));
}

/** Campaign and checks at once, beside each of them alone. */
async function besideCampaign(
  place: GatePlace,
  seconds: number,
  customers: number,
): Promise<Figure[]> {
  const { ledger, bulk } = place;
  if (!bulk) throw new Error('Nobody plays the far sides of a campaign');
  // First, while nothing is left to be tidied up after a campaign.
  const gateAlone = await fireAt(place, 'gate', { perSecond: usual, seconds });
  tellStage(`${usual}/s, gate alone`, gateAlone);
  const alone = await runCampaign(ledger, bulk, customers);
  // As long as the campaign may take at most: what is measured is all of it.
  const shots = { perSecond: usual, seconds: Math.ceil(1.5 * alone) };
  const [together, gate] = await Promise.all([
    runCampaign(ledger, bulk, customers),
    fireAt(place, 'gate', shots),
  ]);
  tellStage(`${usual}/s, gate beside a campaign of ${customers.toLocaleString('en')}`, gate);
  console.log(
    `  the campaign: ${alone.toFixed(1)} s alone, ${together.toFixed(1)} s beside checks`,
  );
  const p99 = gate.measures.p99Ms / gateAlone.measures.p99Ms;
  return [
    notLate(gate),
    { what: 'p99 beside a campaign, to that alone', measured: p99, atMost: 2, unit: '×' },
    {
      what: 'the campaign beside checks, to itself alone',
      measured: together / alone,
      atMost: 1.5,
      unit: '×',
    },
  ];
}

/** Under Optimove's own limit, one key and one code. */
async function withLimit(place: GatePlace, { seconds }: GateOptions): Promise<Figure[]> {
  await fireAt(place, 'gate', { perSecond: 200, seconds: 2 });
  const gate = await fireAt(place, 'gate', { perSecond: usual, seconds });
  tellStage(`${usual}/s, gate, limit on`, gate);
  const { p99Ms } = gate.measures;
  return [
    notLate(gate),
    { what: `p99 at ${usual}/s with the limit on`, measured: p99Ms, atMost: 900, unit: 'ms' },
    { what: 'answers 429', measured: gate.http429, atMost: 0, unit: '' },
  ];
}
