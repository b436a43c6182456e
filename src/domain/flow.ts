/** The stages that a batch can walk through, in the order in which a recipe may name them. */
export type Stage = 'screen' | 'validate' | 'allocate' | 'upload' | 'report' | 'redeem';

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
