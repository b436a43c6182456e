-- What operators do: every act with who, when and why; what was held and released; suppressions that
-- reach campaigns under way.

alter table audit
  -- What the act was about, where it was not a campaign: a customer, or how many.
  add column subject text,
  -- The request's own id: an act that is repeated under it is the same act.
  add column request text;
create unique index audit_request on audit (request) where request is not null;
create index audit_tenant on audit (tenant, id desc);

-- Whether a suppression has been looked for in the campaigns that were under way when it came.
alter table suppression add column spread boolean not null default false;
create index suppression_unspread on suppression (tenant) where not spread;

-- Suppressed customers of this batch were given something, or were told of it: settlement takes it back.
alter table batch add column suppressions_due boolean not null default false;
create index batch_suppressions on batch (campaign) where suppressions_due;
