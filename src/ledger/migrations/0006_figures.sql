-- What a monitor asks for every few seconds must not grow with the webhooks that were ever taken.
create index inbox_outstanding on inbox (tenant, status) where status in ('due', 'quarantined');
