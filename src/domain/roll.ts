/**
 * Which customers are listed.
 *
 * used      have used the reward: of a deleted campaign nobody takes it from them silently
 * not_sent  were approved and hold the reward, and Optimove did not send them the campaign
 * unknown   were reported, and the answer never came
 */
export const rolls = ['used', 'not_sent', 'unknown'] as const;
export type Roll = (typeof rolls)[number];
