/** A triggered question of Optimove: may this customer be sent the campaign (API §9.2)? */
export interface Check {
  /** Echoed in the answer as it came; the customer's id, or the visitor's where it is a visitor. */
  userId: string;
  isVisitor: boolean;
  /** The occurrence. */
  campaignId: string;
  seriesId?: string;
  notes?: string;
  tags?: string[];
  action?: { id?: string; name?: string };
  /** Empty: a compliance check, which screening decides. */
  promoCodes: string[];
  channels: {
    id?: string;
    name?: string;
    brandId?: string;
    templates: { id?: string; name?: string }[];
  }[];
}

/**
 * What a check says of its campaign and the platform is told. Checks that say the same travel together;
 * it is kept with their batch, so that whatever is built from it later says the same.
 */
export interface Said {
  seriesId?: string;
  notes?: string;
  tags?: string[];
  brandId?: string;
  channelIds?: string[];
  actionId?: string;
  templateId?: string;
  /** By customer: under which id the reward was claimed, and what was true at that moment. */
  claims?: Record<string, string>;
  session?: Record<string, Record<string, unknown>>;
}

/** The part of a check that its pool shares. A platform is told one brand and one template: the first. */
export function saidOf({ seriesId, notes, tags, action, channels }: Check): Said {
  const brandId = channels.find((channel) => channel.brandId !== undefined)?.brandId;
  const templateId = channels
    .flatMap(({ templates }) => templates)
    .find((template) => template.id !== undefined)?.id;
  const channelIds = channels.flatMap(({ id }) => id ?? []);
  return {
    ...(seriesId !== undefined && { seriesId }),
    ...(notes !== undefined && notes !== '' && { notes }),
    ...(tags !== undefined && tags.length > 0 && { tags }),
    ...(brandId !== undefined && { brandId }),
    ...(channelIds.length > 0 && { channelIds }),
    ...(action?.id !== undefined && { actionId: action.id }),
    ...(templateId !== undefined && { templateId }),
  };
}
