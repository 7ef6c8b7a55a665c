"""From risk to action: calls to action (CTAs), what suggests them, what holds them back, and playbooks."""
