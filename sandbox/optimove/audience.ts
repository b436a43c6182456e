import { type Answer, answer, type Call, Refusal } from '../call.ts';
import { type Campaign, codesHeldBy } from '../campaign.ts';
import { attributeOf, hash, idOf, isControl } from '../population.ts';
import { campaignOf } from '../tenant.ts';

const PAGE = 10_000;
const LARGEST_PAGE = 200_000;
const CONTROL_ACTION = 1;
const TEST_ACTION = 4;
const DUPLICATE = 101;

/** GetProcessedCampaignCustomers (API §6.2): the customers of a campaign that is on hold. */
export function getProcessedCustomers(call: Call): Answer {
  const campaign = campaignAsked(call);
  const lags = call.arrivedAtMs < campaign.createdAtMs + campaign.options.audienceLagMs;
  const isEmpty = campaign.canceledAtMs !== undefined || campaign.trigger !== undefined;
  if (lags || isEmpty) return answer(200, []);
  const attributes = queryOf(call, 'CustomerAttributes')?.split(';');
  return answer(
    200,
    page(campaign, call, (row) => audienceRow(campaign, row, attributes)),
  );
}

/** GetCanceledCampaignCustomers (API §6.4): there for two hours after the notice. */
export function getCanceledCustomers(call: Call): Answer {
  const campaign = campaignAsked(call);
  const { canceledAtMs } = campaign;
  const lastsMs = campaign.options.canceledListSeconds * 1000;
  const isThere = canceledAtMs !== undefined && call.arrivedAtMs <= canceledAtMs + lastsMs;
  // A triggered campaign never had a list of customers.
  if (!isThere || campaign.trigger !== undefined) {
    return answer(200, []);
  }
  const rows = page(campaign, call, (row) => {
    const found = audienceRow(campaign, row, undefined);
    return { ...found, ActionID: String(found.ActionID) };
  });
  return answer(200, rows);
}

/** The campaign that the query names, or 404 with a bare JSON string (API §3). */
export function campaignAsked(call: Call): Campaign {
  const id = queryOf(call, 'CampaignID');
  const campaign = campaignOf(call.tenant, id ?? '', call.kind);
  if (campaign === undefined) throw new Refusal(answer(404, 'Campaign not found'));
  return campaign;
}

/** Names of the query are read without regard to case, as callers in the wild rely on. */
export function queryOf(call: Call, name: string): string | undefined {
  for (const [key, value] of call.query) {
    if (key.toLowerCase() === name.toLowerCase()) return value;
  }
  return undefined;
}

/** Rows `$skip` to `$skip + $top`: the population, then the doubles, then the malformed. */
function page<Row>(campaign: Campaign, call: Call, build: (row: number) => Row): Row[] {
  const { total, duplicates, options } = campaign.population;
  const all = total + duplicates + options.malformedRows;
  const top = Math.min(numberOf(queryOf(call, '$top'), PAGE), LARGEST_PAGE);
  const skip = numberOf(queryOf(call, '$skip'), 0);
  const rows: Row[] = [];
  for (let row = skip; row < Math.min(skip + top, all); row += 1) {
    const moved = (((row - call.shiftRows) % all) + all) % all;
    rows.push(build(call.shiftRows === 0 ? row : moved));
  }
  return rows;
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) throw new Refusal(answer(400, 'Invalid paging parameter'));
  return Number(text);
}

interface AudienceRow {
  CustomerID?: string;
  ActionID: number;
  PromoCode: string | string[] | null;
  CustomerAttributes?: string[];
}

function audienceRow(
  campaign: Campaign,
  row: number,
  attributes: string[] | undefined,
): AudienceRow {
  const { population } = campaign;
  const { total, duplicates, seed } = population;
  const isMalformed = row >= total + duplicates;
  if (isMalformed) return { ActionID: TEST_ACTION, PromoCode: campaign.options.codes[0] ?? null };
  const index = row < total ? row : hash(seed, DUPLICATE, row) % total;
  const built: AudienceRow = {
    CustomerID: idOf(population, index),
    ActionID: isControl(population, index) ? CONTROL_ACTION : TEST_ACTION,
    PromoCode: promoCode(campaign, codesHeldBy(campaign, index)),
  };
  if (attributes !== undefined) {
    built.CustomerAttributes = attributes.map((name) =>
      String(attributeOf(population, index, name) ?? ''),
    );
  }
  return built;
}

function promoCode(campaign: Campaign, count: number): string | string[] | null {
  const { codes, codesAs } = campaign.options;
  if (count === 0) return null;
  if (count === 1) return codes[0] ?? null;
  return codesAs === 'array' ? codes.slice(0, count) : codes.slice(0, count).join(',');
}
