#!/bin/sh
# Brings the schemas of Temporal's two databases up to date. Safe to repeat: what is there stays.
set -eu

versions=/etc/temporal/schema/postgresql/v12

# The password comes as SQL_PASSWORD.
sql_tool() {
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p 5432 -u "$POSTGRES_USER" "$@"
}

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  sql_tool --db "$database" create || echo "$database is there already"
  sql_tool --db "$database" setup-schema -v 0.0 || echo "$database has its first tables already"
  sql_tool --db "$database" update-schema -d "$versions/${pair##*:}/versioned"
done
