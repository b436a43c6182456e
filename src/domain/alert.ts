import type { CampaignId } from './words.ts';

/**
 * What needs a person, told once when it begins and once when it is over.
 *
 * hold                a campaign, or a tenant, waits for a release
 * halt                a far side answered 401 or 403: nothing of the tenant begins
 * forecast            a campaign will not be decided before its stop, as it goes now
 * unknown_effects     a campaign has ended, and answers of its calls never came
 * quarantine          a webhook that nobody can use
 * refused_webhook     a webhook that neither ledger nor Temporal took
 * silence             a far side that is called and does not answer
 * not_sent            customers were approved, hold the reward, and were not sent the campaign
 * differences         what the far sides say differs from the ledger
 * inactive_promotion  Promotions refuses customers because their promotion is not active
 * configuration       the changed tenant file or `.env` cannot be used: the old settings stand
 */
export const alertKinds = [
  'hold',
  'halt',
  'forecast',
  'unknown_effects',
  'quarantine',
  'refused_webhook',
  'silence',
  'inactive_promotion',
  'not_sent',
  'differences',
  'configuration',
] as const;
export type AlertKind = (typeof alertKinds)[number];

/** One concern: as long as it is open, the same kind and subject is not raised again. */
export interface AlertName {
  kind: AlertKind;
  /** Undefined where it concerns every tenant. */
  tenant: string | undefined;
  /** What it is about within its kind: a campaign, a far side, a webhook. */
  subject: string;
}

export interface Alert extends AlertName {
  campaignId: string | undefined;
  /** What is wrong and what to do, in words, without a secret or a customer. */
  message: string;
  /** More for the log alone: ids and counts. */
  facts?: Record<string, unknown>;
}

/** One telling of an alert: of its beginning, or of its end. */
export interface Notice {
  /** The same whenever this telling is repeated. */
  noticeId: string;
  isOver: boolean;
  body: {
    id: string;
    kind: string;
    tenant?: string;
    campaignId?: string;
    message: string;
    /** ISO instants. */
    raisedAt: string;
    overAt?: string;
  };
}

/** Whoever is told of alerts. */
export interface AlertReceiver {
  /** Rejects unless the receiver answered 2xx. */
  tell(notice: Notice): Promise<void>;
}

/** A far side that is called and has not answered for this long is silent, milliseconds. */
export const silentAfterMs = 300_000;

/** A hold as the ledger has it: another one of the same campaign has another instant. */
export interface Held {
  reason: string;
  at: string;
}

export function holdAlert(id: CampaignId, held: Held, stop: number | undefined): Alert {
  const until = stop === undefined ? '' : ` before ${isoOf(stop)}`;
  return {
    ...about('hold', id),
    subject: `${id.campaignId}/${held.at}`,
    message:
      `Campaign ${id.campaignId} waits for a person: ${held.reason}. ` +
      `Release or cancel it${until}; until then nobody more is given or approved anything.`,
    facts: { reason: held.reason },
  };
}

export function tenantHoldAlert(tenant: string, { reason, at }: Held): Alert {
  const message = `All campaigns of ${tenant} wait for a person: ${reason}. Release the tenant to go on.`;
  return { kind: 'hold', tenant, subject: `tenant/${at}`, campaignId: undefined, message };
}

export function haltAlert(tenant: string, farSide: string, said: string): Alert {
  return {
    ...{ kind: 'halt', tenant, subject: farSide, campaignId: undefined },
    message:
      `The far side ${farSide} does not know our key (${said}): nothing of ${tenant} begins but ` +
      'taking back. Mend the key, there or in the tenant file; work then goes on by itself.',
    facts: { farSide, message: said },
  };
}

export function forecastAlert(id: CampaignId, lateByMs: number, stop: number): Alert {
  const minutes = Math.ceil(lateByMs / 60_000);
  return {
    ...about('forecast', id),
    message:
      `Campaign ${id.campaignId} will not be decided in time, as it goes now: it needs ${minutes} ` +
      `more minutes after ${isoOf(stop)}, from when on nobody more is given or approved anything.`,
    facts: { lateByMs },
  };
}

export function unknownEffectsAlert(id: CampaignId, counts: Record<string, number>): Alert {
  const calls = Object.entries(counts).map(([kind, count]) => `${count} × ${kind}`);
  return {
    ...about('unknown_effects', id),
    message:
      `Campaign ${id.campaignId} has ended with calls whose answers never came: ${calls.join(', ')}. ` +
      '`promoflow verify` lists them with their next step.',
    facts: { counts },
  };
}

export function quarantineAlert(webhook: {
  tenant: string;
  /** What identifies this webhook. */
  digest: string;
  type: number | undefined;
  campaignId: string | undefined;
  reason: string;
}): Alert {
  const { tenant, digest, type, campaignId, reason } = webhook;
  const name = type === undefined ? 'A webhook' : `A webhook of type ${type}`;
  const about = campaignId === undefined ? '' : ` about campaign ${campaignId}`;
  return {
    ...{ kind: 'quarantine', tenant, subject: digest, campaignId },
    message: `${name}${about} cannot be used and was put aside: ${reason}.`,
    facts: { type, reason },
  };
}

/** More quarantined webhooks of a tenant than this are told of together, under this subject. */
export const mostQuarantineAlerts = 20;
export const moreQuarantined = 'more';

export function manyQuarantinedAlert(tenant: string): Alert {
  const message = `More than ${mostQuarantineAlerts} webhooks cannot be used and were put aside within a day.`;
  return { kind: 'quarantine', tenant, subject: moreQuarantined, campaignId: undefined, message };
}

export function refusedWebhookAlert(tenant: string, campaignId: string): Alert {
  return {
    ...{ kind: 'refused_webhook', tenant, subject: campaignId, campaignId },
    message:
      `A webhook about campaign ${campaignId} was answered 503, because neither ledger nor Temporal ` +
      'took it. Should Optimove not send it again, post it by hand.',
  };
}

export function silenceAlert(tenant: string, farSide: string, since: number): Alert {
  return {
    ...{ kind: 'silence', tenant, subject: farSide, campaignId: undefined },
    message: `The far side ${farSide} has not answered any call of ${tenant} since ${isoOf(since)}.`,
    facts: { farSide },
  };
}

export function inactivePromotionAlert(id: CampaignId, code: string): Alert {
  return {
    ...about('inactive_promotion', id),
    subject: `${id.campaignId}/${code}`,
    message:
      `The promotion of promo code ${code} is not active: the rest of its customers in campaign ` +
      `${id.campaignId} are refused.`,
    facts: { code },
  };
}

export function notSentAlert(id: CampaignId, assignments: number): Alert {
  return {
    ...about('not_sent', id),
    message:
      `Campaign ${id.campaignId} was sent, but not to everybody who was approved: ${assignments} ` +
      'rewards are held by customers who were not told of them. ' +
      '`promoflow reconcile --campaign` lists them, and takes them back with --repair.',
    facts: { assignments },
  };
}

/** Of the latest night that was reconciled; over when nothing differs any more. */
export function differencesAlert(tenant: string, day: string): Alert {
  return {
    ...{ kind: 'differences', tenant, subject: day, campaignId: undefined },
    message:
      `What the far sides say differs from the ledger. \`promoflow reconcile --date ${day}\` lists what was found ` +
      'that night, and what mends it.',
  };
}

export function configurationAlert(file: string, mistakes: string): Alert {
  return {
    ...{ kind: 'configuration', tenant: undefined, subject: file, campaignId: undefined },
    message: `The changed configuration cannot be used, the old settings stand. ${mistakes}`,
  };
}

function about<K extends AlertKind>(kind: K, { tenant, campaignId }: CampaignId) {
  return { kind, tenant, subject: campaignId, campaignId };
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}
