"""CTAs, their tasks, playbooks, and the suggestions behind them."""
