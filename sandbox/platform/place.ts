import { GIVEN, has, REWARDED } from '../books.ts';
import {
  type Campaign,
  instancesOf,
  locate,
  openPosition,
  placeAt,
  positionOf,
} from '../campaign.ts';
import { hashText } from '../key-table.ts';

/** Where the books keep an assignment; of no campaign of ours, campaign 0 and its hash. */
export interface Place {
  index: number;
  slot: number;
  campaign: number;
  position: number;
}

/** Where the books keep it; an assignment that no campaign of ours knows is told by its hash. */
export function placeOf(
  campaign: Campaign | undefined,
  campaignId: string,
  { customerId, promoCode }: { customerId: string; promoCode: string },
): Place {
  if (campaign !== undefined) {
    const { index, slot } = locate(campaign, customerId, promoCode);
    if (index >= 0 && slot >= 0) {
      const position = positionToGive(campaign, index, slot);
      return { index, slot, campaign: campaign.number, position };
    }
  }
  const [position] = hashText(`${campaignId}|${customerId}|${promoCode}`);
  return { index: -1, slot: -1, campaign: 0, position };
}

/** The latest instance that was validated and not given yet: an earlier one may have lapsed. */
function positionToGive(campaign: Campaign, index: number, slot: number): number {
  const { assignments } = campaign.books;
  for (let instance = instancesOf(campaign, index) - 1; instance >= 0; instance -= 1) {
    const position = positionOf(campaign, index, slot, instance);
    if (has(assignments, position, REWARDED) && !has(assignments, position, GIVEN)) return position;
  }
  return openPosition(campaign, index, slot, GIVEN);
}

/** Is it the same customer and code? A key keeps its instance to itself. */
export function isSamePlace(
  campaign: Campaign | undefined,
  place: Place,
  number: number,
  position: number,
): boolean {
  if (number !== place.campaign) return false;
  if (campaign === undefined || place.index < 0) return position === place.position;
  const known = placeAt(campaign, position);
  return known.index === place.index && known.slot === place.slot;
}
