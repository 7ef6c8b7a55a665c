"""Who may do what, and what a tenant has settled."""
