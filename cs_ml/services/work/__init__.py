"""From suggestion to finished CTA: accepting, automatic creation, the inbox, changes, playbooks."""
