#!/bin/sh
# Makes the namespace and the search attributes that promoflow asks for. Safe to repeat.
set -eu

temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 30d

# A new namespace takes some seconds to be known everywhere.
add() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    temporal operator search-attribute list -n "$TEMPORAL_NAMESPACE" 2>/dev/null | grep -q "$1 " && return
    temporal operator search-attribute create -n "$TEMPORAL_NAMESPACE" --name "$1" --type "$2" || sleep 5
  done
  echo "the search attribute $1 could not be made" >&2
  exit 1
}

add PromoflowTenant Keyword
add PromoflowCampaign Keyword
add PromoflowPhase Keyword
add PromoflowDeadline Datetime
