"""What happened when: the dated facts of accounts, a tenant's quantiles, timelines for charts."""
