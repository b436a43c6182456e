import { type Answer, answer, type Call, Refusal } from '../call.ts';
import { type Campaign, codesHeldBy } from '../campaign.ts';
import { type Execution, endedOf, reachedBy } from '../executed/execution.ts';
import { localDate, localTime } from '../local-time.ts';
import { hash, idOf } from '../population.ts';
import { attributesOf, campaignAsked, TEST_ACTION } from './audience.ts';
import { page, queryOf, type Stretch } from './paging.ts';

const TARGET_GROUP = 31;
const TEMPLATE = 14;

/**
 * GetCustomerExecutionDetailsByCampaign (API §6.3): who was sent a campaign through one channel, or through
 * each where none is named. Empty until then; the control group is not in it.
 */
export function getExecutedCustomers(call: Call): Answer {
  const campaign = campaignAsked(call);
  const channel = queryOf(call, 'ChannelID');
  const attributes = queryOf(call, 'CustomerAttributes')?.split(';');
  const executions = campaign.executions.filter(
    ({ channelId }) => channel === undefined || String(channelId) === channel,
  );
  const rows = executions.flatMap((execution) =>
    stretchesOf(call, campaign, execution, attributes),
  );
  return answer(200, page(call, rows));
}

/** One row a customer; or, where each code has its own, all firsts, then all seconds, and so on. */
function stretchesOf(
  call: Call,
  campaign: Campaign,
  execution: Execution,
  attributes: string[] | undefined,
): Stretch<ReturnType<typeof executionRow>>[] {
  const { codes, executionRows } = campaign.options;
  const { channelId, scheduledAtMs } = execution;
  const scheduleTime = localTime(scheduledAtMs, call.tenant.options.timeZone);
  const reached = reachedBy(campaign, execution);
  const rowOf = (index: number, code: string | null) =>
    executionRow(campaign, { channelId, scheduleTime, index, code, attributes });
  const joined = (index: number) => codes.slice(0, codesHeldBy(campaign, index)).join(',') || null;
  if (executionRows === 'customer') {
    return [stretch(reached, (index) => rowOf(index, joined(index)))];
  }
  const withMore = codes.slice(1).map((code, at) => {
    const holders = reached.filter((index) => codesHeldBy(campaign, index) > at + 1);
    return stretch(holders, (index) => rowOf(index, code));
  });
  const first = (index: number) => (codesHeldBy(campaign, index) > 0 ? (codes[0] ?? null) : null);
  return [stretch(reached, (index) => rowOf(index, first(index))), ...withMore];
}

function stretch<Row>(indexes: Uint32Array, build: (index: number) => Row): Stretch<Row> {
  return { length: indexes.length, build: (at) => build(indexes[at] ?? 0) };
}

function executionRow(
  campaign: Campaign,
  of: {
    channelId: number;
    scheduleTime: string;
    index: number;
    code: string | null;
    attributes: string[] | undefined;
  },
) {
  const { channelId, index, attributes } = of;
  return {
    CustomerID: idOf(campaign.population, index),
    ActionID: TEST_ACTION,
    ChannelID: channelId,
    TemplateID: TEMPLATE,
    TemplateName: `Template of ${channelId}`,
    ScheduleTime: of.scheduleTime,
    PromoCode: of.code,
    ...(attributes && { CustomerAttributes: attributesOf(campaign, index, attributes) }),
  };
}

/**
 * GetCustomersActionEndedByDate (API §6.6): whose campaign ended on a day of the tenant's calendar, which
 * is the day of its execution and its duration. Names neither campaign nor code.
 */
export function getEndedActions(call: Call): Answer {
  const date = queryOf(call, 'Date');
  if (date === undefined) throw new Refusal(answer(400, 'Date is missing'));
  const { timeZone } = call.tenant.options;
  if (date > localDate(call.arrivedAtMs, timeZone)) return answer(200, []);
  const rows = [...call.tenant.campaigns.values()]
    .filter(({ canceledAtMs }) => canceledAtMs === undefined)
    .flatMap((campaign) =>
      campaign.executions
        .filter((each) => endOf(campaign, each, timeZone) === date)
        .flatMap((each) => endedRows(campaign, each, localDate(each.scheduledAtMs, timeZone))),
    );
  return answer(200, page(call, rows));
}

function endOf({ options }: Campaign, { scheduledAtMs }: Execution, timeZone: string): string {
  return localDate(scheduledAtMs, timeZone, options.durationDays);
}

/** Who is listed, and then strangers of whom the tenant knows nothing. */
function endedRows(campaign: Campaign, execution: Execution, startDate: string) {
  const { durationDays, endedAddedShare } = campaign.options;
  const rowOf = (CustomerID: string) => ({
    CustomerID,
    ActionID: TEST_ACTION,
    ChannelID: execution.channelId,
    Date: startDate,
    Duration: durationDays,
    TargetGroupID: TARGET_GROUP,
  });
  const added = Math.round(reachedBy(campaign, execution).length * endedAddedShare);
  const stranger = (at: number) => hash(campaign.population.seed, execution.channelId, at);
  return [
    stretch(endedOf(campaign, execution), (index) => rowOf(idOf(campaign.population, index))),
    { length: added, build: (at: number) => rowOf(`S-${stranger(at)}`) },
  ];
}
