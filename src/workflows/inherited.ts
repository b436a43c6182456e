import { workflowInfo } from '@temporalio/workflow';
import { attributesOf, type SearchAttributes, searchAttributeKeys } from './ids.ts';

/** A child is found by what its parent is found by: Temporal hands search attributes on to nobody. */
export function inheritedAttributes(): SearchAttributes {
  const own = workflowInfo().typedSearchAttributes;
  const tenant = own.get(searchAttributeKeys.tenant);
  const campaignId = own.get(searchAttributeKeys.campaign);
  if (tenant === undefined) return [];
  return attributesOf({ tenant, ...(campaignId !== undefined && { campaignId }) });
}
