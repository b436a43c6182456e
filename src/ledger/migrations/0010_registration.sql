-- Where Optimove was told to ask its checks; no call is known that reads it back (API §9.1). The address
-- stands without its last part, the token; the digest of the whole tells whether the token is still the same.
create table registration (
  id bigint generated always as identity primary key,
  tenant int not null references tenant,
  generation text not null,
  address text not null,
  digest bytea not null,
  asked_at timestamptz not null default clock_timestamp(),
  -- Null: Optimove has not said yes; it may have heard all the same.
  accepted_at timestamptz
);
create index registration_latest on registration (tenant, id desc);
