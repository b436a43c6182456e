import { type Answer, answer, type Call, refuse } from '../call.ts';
import type { Promotion } from './promotion.ts';

/** GET /v1/promocodes?code= (API §10.3): empty where no such code is known. */
export function findPromocode(call: Call): Answer {
  const promotion = call.tenant.promotions.get(call.query.get('code') ?? '');
  return answer(200, { items: promotion === undefined ? [] : [promocode(promotion)] });
}

/** GET /v1/promocodes/{promocodeId}. */
export function getPromocode(call: Call): Answer {
  const [id] = call.params;
  const found = [...call.tenant.promotions.values()].find(({ promocodeId }) => promocodeId === id);
  return found ? answer(200, promocode(found)) : refuse(404, 'Not Found', `no promocode ${id}`);
}

/** GET /v1/promotions/{promotionId}: the rules with their budgets (API §10.2). */
export function getPromotion(call: Call): Answer {
  const [id] = call.params;
  const found = [...call.tenant.promotions.values()].find(({ promotionId }) => promotionId === id);
  if (found === undefined) return refuse(404, 'Not Found', `no promotion ${id}`);
  return answer(200, {
    promotionId: found.promotionId,
    name: found.code,
    status: found.active ? 'ACTIVE' : 'DEACTIVATED',
    promotionTiers: found.tiers,
    publishingBudgets: {
      audienceCap: found.audienceCap,
      rewardBudgets: [...found.budgets].map(([rewardTypeId, total]) => ({ rewardTypeId, total })),
    },
    properties: found.properties ?? {},
  });
}

const promocode = (promotion: Promotion) => ({
  promocodeId: promotion.promocodeId,
  code: promotion.code,
  type: promotion.uniqueCodes > 0 ? 'UNIQUE' : 'GLOBAL',
  promotionId: promotion.promotionId,
  status: promotion.active ? 'ACTIVE' : 'DEACTIVATED',
});
