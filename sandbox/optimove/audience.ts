import { type Answer, answer, type Call, Refusal } from '../call.ts';
import { type Campaign, codesHeldBy } from '../campaign.ts';
import { attributeOf, hash, idOf, isControl } from '../population.ts';
import { campaignOf } from '../tenant.ts';
import { page, queryOf, type Stretch } from './paging.ts';

const CONTROL_ACTION = 1;
export const TEST_ACTION = 4;
const DUPLICATE = 101;

/** GetProcessedCampaignCustomers (API §6.2): the customers of a campaign that is on hold. */
export function getProcessedCustomers(call: Call): Answer {
  const campaign = campaignAsked(call);
  const lags = call.arrivedAtMs < campaign.createdAtMs + campaign.options.audienceLagMs;
  const isEmpty = campaign.canceledAtMs !== undefined || wasNeverHeld(campaign);
  if (lags || isEmpty) return answer(200, []);
  const attributes = queryOf(call, 'CustomerAttributes')?.split(';');
  return answer(
    200,
    page(
      call,
      rowsOf(campaign, (row) => audienceRow(campaign, row, attributes)),
    ),
  );
}

/** Only a campaign that waits for a clearance is on hold. */
function wasNeverHeld({ trigger, announced, options }: Campaign): boolean {
  const beginsExecuted = options.flow === 'automatic' || options.flow === 'executions';
  return trigger !== undefined || (beginsExecuted && !announced);
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
  const rows = rowsOf(campaign, (row) => {
    const found = audienceRow(campaign, row, undefined);
    return { ...found, ActionID: String(found.ActionID) };
  });
  return answer(200, page(call, rows));
}

/** The campaign that the query names, or 404 with a bare JSON string (API §3). */
export function campaignAsked(call: Call): Campaign {
  const id = queryOf(call, 'CampaignID');
  const campaign = campaignOf(call.tenant, id ?? '', call.kind);
  if (campaign === undefined) throw new Refusal(answer(404, 'Campaign not found'));
  return campaign;
}

/** All rows of a campaign: the population, then the doubles, then the malformed. */
function rowsOf<Row>(campaign: Campaign, build: (row: number) => Row): Stretch<Row>[] {
  const { total, duplicates, options } = campaign.population;
  return [{ length: total + duplicates + options.malformedRows, build }];
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
    built.CustomerAttributes = attributesOf(campaign, index, attributes);
  }
  return built;
}

/** The attributes that were asked for, in that order, as text. */
export function attributesOf({ population }: Campaign, index: number, names: string[]): string[] {
  return names.map((name) => String(attributeOf(population, index, name) ?? ''));
}

function promoCode(campaign: Campaign, count: number): string | string[] | null {
  const { codes, codesAs } = campaign.options;
  if (count === 0) return null;
  if (count === 1) return codes[0] ?? null;
  return codesAs === 'array' ? codes.slice(0, count) : codes.slice(0, count).join(',');
}
