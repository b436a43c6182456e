/** The stages that a batch can walk through, in the order in which a recipe may name them. */
export type Stage =
  | 'screen'
  | 'publish'
  | 'validate'
  | 'award'
  | 'allocate'
  | 'upload'
  | 'report'
  | 'redeem';

/**
 * Which way a scheduled campaign goes; decided when it is first heard of.
 *
 * managed     event 5: the tenant's side runs every step (guide: OptiPromo Process, flow 3)
 * publisher   event 5: the publisher decides and reports, the awards come after event 13 (the same, flow 2)
 * automatic   event 13: Promotions has decided everything already (guide: Auto Flow)
 * executions  event 13: whoever was sent is given what the campaign promised (guide: Promotion System Integration, flow 1)
 * shadow      event 5: only tells what would have been done
 */
export const flows = ['managed', 'publisher', 'automatic', 'executions', 'shadow'] as const;
export type Flow = (typeof flows)[number];

/** What a tenant's settings say about the flow of a scheduled campaign. */
export interface FlowChoice {
  /** Promotions (OptiPromo) decides eligibility and rewards; without it the platform decides alone. */
  hasPromotions: boolean;
  hasDataConnection: boolean;
}

/** How a reward is given to whoever has passed the screen: at once, or at the claim (guide: Advanced Activation Flow). */
export function givingRecipe(hasPromotions: boolean): Stage[] {
  return hasPromotions ? ['validate', 'allocate'] : ['allocate'];
}

/** Where rewards are claimed, whoever passes the screen is approved, and nothing is given yet. */
export const claimedRecipe: Stage[] = ['screen', 'report'];

/** The managed flow: the tenant's side runs every step (guide: OptiPromo Process, flow 3). */
export function managedRecipe(choice: FlowChoice): Stage[] {
  const recipe: Stage[] = ['screen'];
  if (choice.hasPromotions) recipe.push('validate');
  recipe.push('allocate');
  if (choice.hasDataConnection) recipe.push('upload');
  recipe.push('report');
  if (choice.hasPromotions) recipe.push('redeem');
  return recipe;
}

/** The publisher validates, uploads and reports whoever passes our screen. */
export const publisherRecipe: Stage[] = ['screen', 'publish'];

/** What a tenant's first week shows: whom the screen would let pass, and nothing that anybody notices. */
export const shadowRecipe: Stage[] = ['screen'];

/** What follows on event 13, where somebody else has decided who is given what. */
export const awardedRecipe: Stage[] = ['award', 'allocate', 'redeem'];
export const automaticRecipe: Stage[] = ['screen', ...awardedRecipe];
export const executionsRecipe: Stage[] = ['screen', 'allocate'];
