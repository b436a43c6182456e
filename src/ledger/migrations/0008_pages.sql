-- A page is read once, soon after it was written: compressing it cost a fifth of the staging.
alter table page
  alter column customers set storage external, alter column hashes set storage external,
  alter column codes set storage external, alter column actions set storage external,
  alter column places set storage external, alter column leads set storage external;
