import type { ChildWorkflowOptions } from '@temporalio/workflow';
import type { CampaignId } from '../domain/words.ts';

/** The one task queue: workflows and activities of all stories. */
export const taskQueue = 'promoflow';

/** Workflow ids, each built here alone from business keys, so that "start" is idempotent. */
export const workflowId = {
  campaign: (id: CampaignId) => `${id.tenant}/campaign/${id.campaignId}`,
  slice: (parent: string, pass: number, slice: number) => `${parent}/slice/${pass}.${slice}`,
  cancellation: (id: CampaignId) => `${id.tenant}/cancellation/${id.campaignId}`,
  revocation: (parent: string, reason: string) => `${parent}/revocation/${reason}`,
  fulfilment: (id: CampaignId & { channel: string }) =>
    `${id.tenant}/fulfilment/${id.campaignId}/${id.channel || 'all'}`,
  expiry: (id: CampaignId) => `${id.tenant}/expiry/${id.campaignId}`,
  grants: (tenant: string) => `${tenant}/grants`,
  poll: (tenant: string) => `${tenant}/poll`,
  reconciliation: (tenant: string, subject: string) => `${tenant}/reconciliation/${subject}`,
  settlement: (tenant: string) => `${tenant}/settlement`,
};

/** What a batch's steps are called below its slice: one of them runs at a time. */
export const activityId = {
  batch: (batch: number, stage: string) => `batch/${batch}/${stage}`,
};

/** Search attributes that operators filter by in the Web UI. */
export const searchAttributeKeys = {
  tenant: { name: 'PromoflowTenant', type: 'KEYWORD' },
  campaign: { name: 'PromoflowCampaign', type: 'KEYWORD' },
  phase: { name: 'PromoflowPhase', type: 'KEYWORD' },
  deadline: { name: 'PromoflowDeadline', type: 'DATETIME' },
} as const;

export type SearchAttributes = Extract<
  NonNullable<ChildWorkflowOptions['typedSearchAttributes']>,
  readonly unknown[]
>;

/** What a run is found by: its tenant, its campaign where it is about one, and its deadline if known. */
export function attributesOf(
  id: { tenant: string; campaignId?: string },
  deadline?: number,
): SearchAttributes {
  const { tenant, campaign, deadline: until } = searchAttributeKeys;
  return [
    { key: tenant, value: id.tenant },
    ...(id.campaignId === undefined ? [] : [{ key: campaign, value: id.campaignId }]),
    ...(deadline === undefined ? [] : [{ key: until, value: new Date(deadline) }]),
  ];
}
